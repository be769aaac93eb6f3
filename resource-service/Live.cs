using System.Buffers;
using System.Net.WebSockets;
using AuthMesh.Errors;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AuthMesh.Resource;

/// <summary>A WebSocket that sends back what it receives. The mesh closes it with the session of its caller.</summary>
internal static class Live
{
    private const int BufferSize = 4096;

    private static readonly Failure NoWebSocket =
        new(StatusCodes.Status400BadRequest, "websocket_required", "This path answers only requests that begin a WebSocket");

    // A WebSocket begins with GET over HTTP/1.1, and with CONNECT over HTTP/2 (RFC 8441 §4).
    public static void MapLive(this IEndpointRouteBuilder app) => app
        .MapMethods("/live", [HttpMethods.Get, HttpMethods.Connect], (Delegate)EchoAsync) // a RequestDelegate would lose its result
        .Produces(StatusCodes.Status101SwitchingProtocols).Produces(StatusCodes.Status400BadRequest);

    private static async Task<Results<EmptyHttpResult, Failure>> EchoAsync(HttpContext context)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            return NoWebSocket;
        }

        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        var buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            while (await socket.ReceiveAsync(buffer.AsMemory(), context.RequestAborted) is var received
                && received.MessageType != WebSocketMessageType.Close)
            {
                await socket.SendAsync(
                    buffer.AsMemory(0, received.Count), received.MessageType, received.EndOfMessage, context.RequestAborted);
            }

            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, context.RequestAborted);
        }
        catch (Exception exception) when (exception is WebSocketException or OperationCanceledException)
        {
            // the client left, or its session has ended
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        return TypedResults.Empty;
    }
}
