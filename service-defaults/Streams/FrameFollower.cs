namespace AuthMesh.Streams;

/// <summary>
/// Follows the frames of a WebSocket in one direction (RFC 6455 §5.2), to know where one ends. It reads headers and skips payloads, so it
/// needs no buffer. It judges nothing: the two ends of the connection refuse frames that break the rules.
/// </summary>
internal struct FrameFollower
{
    private const byte Close = 0x8;
    private const int Length16 = 126, Length64 = 127;

    private ulong payload; // bytes of this frame's payload that are still to come
    private int taken; // bytes of this frame's header that have passed; 0 between headers
    private int headerSize; // known after two bytes
    private int lengthEnd; // where the extended length ends in the header
    private byte opcode;

    /// <summary>Whether the next byte begins a frame.</summary>
    public readonly bool IsAtBoundary => taken == 0 && payload == 0;

    /// <summary>Whether a Close frame has passed. No frame may follow it (RFC 6455 §5.5.1).</summary>
    public bool HasClosed { get; private set; }

    /// <summary>Follows all bytes.</summary>
    public void Follow(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[Step(bytes)..];
        }
    }

    /// <summary>Follows the bytes up to the next end of a frame.</summary>
    /// <returns>How many of the bytes still belong to the current frame: none if a frame has just ended.</returns>
    public int FollowToBoundary(ReadOnlySpan<byte> bytes)
    {
        var followed = 0;
        while (!IsAtBoundary && followed < bytes.Length)
        {
            followed += Step(bytes[followed..]);
        }

        return followed;
    }

    /// <summary>Takes one byte of a header, or as much of the payload as the bytes hold.</summary>
    private int Step(ReadOnlySpan<byte> bytes)
    {
        if (taken == 0 && payload > 0)
        {
            var part = (int)Math.Min(payload, (ulong)bytes.Length);
            payload -= (ulong)part;
            EndIfAtBoundary();
            return part;
        }

        TakeHeader(bytes[0]);
        return 1;
    }

    private void TakeHeader(byte next)
    {
        switch (taken++)
        {
            case 0:
                opcode = (byte)(next & 0x0F);
                headerSize = 2;
                break;
            case 1:
                var length = next & 0x7F;
                lengthEnd = 2 + (length switch { Length16 => 2, Length64 => 8, _ => 0 });
                headerSize = lengthEnd + ((next & 0x80) == 0 ? 0 : 4); // the masking key
                payload = length < Length16 ? (ulong)length : 0;
                break;
            case var position when position < lengthEnd:
                payload = payload << 8 | next;
                break;
        }

        if (taken >= 2 && taken == headerSize)
        {
            taken = 0;
            EndIfAtBoundary();
        }
    }

    private void EndIfAtBoundary() => HasClosed |= payload == 0 && opcode == Close;
}
