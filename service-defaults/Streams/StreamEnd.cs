using System.Buffers.Binary;
using System.Text;

namespace AuthMesh.Streams;

/// <summary>Why the mesh closes a stream, as WebSocket clients see it (RFC 6455 §7.4).</summary>
/// <param name="Code">The close code. 4000 to 4999 belong to applications.</param>
/// <param name="Reason">A stable word for programs, in ASCII.</param>
internal sealed record StreamEnd(ushort Code, string Reason)
{
    private const byte FinalClose = 0x88; // FIN and opcode 8, RFC 6455 §5.2

    /// <summary>The session ended, or its tokens were revoked. 4401 recalls the HTTP status 401.</summary>
    public static StreamEnd SessionEnded { get; } = new(4401, "session_ended");

    /// <summary>The token expired, and nothing renewed it.</summary>
    public static StreamEnd TokenExpired { get; } = new(4401, "token_expired");

    /// <summary>This process stops. The client connects again, to another replica.</summary>
    public static StreamEnd GoingAway { get; } = new(1001, "going_away");

    /// <summary>The Close frame of a server, which is never masked (RFC 6455 §5.1).</summary>
    public byte[] Frame { get; } = Build(Code, Reason);

    private static byte[] Build(ushort code, string reason)
    {
        var frame = new byte[4 + reason.Length];
        frame[0] = FinalClose;
        frame[1] = (byte)(2 + reason.Length);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(2), code);
        Encoding.ASCII.GetBytes(reason, frame.AsSpan(4));
        return frame;
    }
}
