"""The floor of a transport: a server that answers a message and does nothing else.

    python -m benchmarks.echo grpc|websocket

It prints its address and serves until it is terminated. Like the product, it answers each ping with
a small message, and a piece of audio with none.
"""

import asyncio
import sys

import grpc
import uvloop
from aiohttp import WSMsgType, web

import cedar_voice.v1 as pb
from cedar_voice.v1 import voice_service_pb2_grpc

_PONG = pb.VoiceSessionResponse(pong=pb.Pong())


class Echo(voice_service_pb2_grpc.VoiceServiceServicer):
    """Answers pings over gRPC."""

    async def VoiceSession(  # type: ignore[override] # the stub types know only generators
        self,
        request_iterator: object,
        context: grpc.aio.ServicerContext[pb.VoiceSessionRequest, pb.VoiceSessionResponse],
    ) -> None:
        """Serve one call."""
        while isinstance(request := await context.read(), pb.VoiceSessionRequest):
            if request.HasField("ping"):
                await context.write(_PONG)

    async def GetServiceInfo(
        self,
        request: pb.GetServiceInfoRequest,
        context: grpc.aio.ServicerContext[pb.GetServiceInfoRequest, pb.GetServiceInfoResponse],
    ) -> pb.GetServiceInfoResponse:
        """Return an empty description."""
        return pb.GetServiceInfoResponse()


async def echo(request: web.Request) -> web.WebSocketResponse:
    """Answer pings over one WebSocket."""
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    async for frame in socket:
        if frame.type is WSMsgType.TEXT and frame.data.startswith('{"type":"ping"'):
            await socket.send_str('{"type":"pong"}')
    return socket


async def serve(transport: str) -> None:
    """Serve until terminated."""
    if transport == "grpc":
        server = grpc.aio.server()
        voice_service_pb2_grpc.add_VoiceServiceServicer_to_server(Echo(), server)  # type: ignore[abstract]
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
    else:
        app = web.Application()
        app.router.add_get("/{path:.*}", echo)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
    print(f"127.0.0.1:{port}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1]))
