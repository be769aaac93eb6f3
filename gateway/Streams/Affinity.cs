using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using AuthMesh.Tokens;
using Yarp.ReverseProxy.Model;

namespace AuthMesh.Gateway.Streams;

/// <summary>
/// Sends all requests of a session to the same replica, on routes with <c>Affinity: session</c>: SignalR keeps a connection in the memory
/// of one. The choice is a rendezvous hash of the session's id. So every gateway chooses the same replica without a cookie, and when a
/// replica goes, only its own sessions move.
/// </summary>
internal static class Affinity
{
    private const int IdBytes = 16;

    public static void UseAffinity(this IReverseProxyApplicationBuilder proxy) => proxy.Use((context, next) =>
    {
        var proxying = context.GetReverseProxyFeature();
        if (proxying.AvailableDestinations.Count > 1 && StreamingRoutes.HasAffinity(proxying.Route.Config)
            && VerifiedToken.Of(context) is { } token)
        {
            proxying.AvailableDestinations = Choose(proxying.AvailableDestinations, token.SessionId);
        }

        return next(context);
    });

    private static DestinationState Choose(IReadOnlyList<DestinationState> destinations, Guid session) =>
        destinations.MaxBy(destination => Weight(session, destination.DestinationId))!;

    private static ulong Weight(Guid session, string destination)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        var text = new byte[IdBytes + Encoding.UTF8.GetByteCount(destination)];
        session.TryWriteBytes(text);
        Encoding.UTF8.GetBytes(destination, text.AsSpan(IdBytes));
        SHA256.HashData(text, digest);
        return BinaryPrimitives.ReadUInt64BigEndian(digest);
    }
}
