using System.Buffers.Binary;
using AuthMesh.Identity.Keys;

namespace AuthMesh.Identity.Sessions;

/// <summary>A <see cref="MacToken"/> that holds a session's id, its epoch and its rotation counter.</summary>
/// <param name="KeyId">The HMAC key of the ring.</param>
/// <param name="SessionId">The session.</param>
/// <param name="Epoch">The session's epoch when the token was written.</param>
/// <param name="Counter">The session's counter when the token was written.</param>
internal sealed record RefreshToken(string KeyId, Guid SessionId, int Epoch, int Counter)
{
    // session, epoch, counter: big-endian.
    private const int EpochAt = 16, CounterAt = 20, Bytes = 24;

    private static readonly MacPurpose Purpose = new(Label: null, Bytes, Prefix: "authmesh_rt_");

    /// <summary>Creates the first token of a session or of an epoch, under the ring's current key.</summary>
    public static RefreshToken For(LiveSession session, KeyRing ring) =>
        new(ring.CurrentMacKey.Id, session.Id, session.Epoch, session.RefreshCounter);

    /// <summary>
    /// Returns the token of the same session with another counter, under the same key. Every caller therefore gets the same successor byte
    /// for byte, even if the ring's current key changes between two calls. A session lives at most 90 days, so no token needs a key longer.
    /// </summary>
    public RefreshToken At(int counter) => this with { Counter = counter };

    public string ToText(KeyRing ring)
    {
        var payload = new byte[Bytes];
        SessionId.TryWriteBytes(payload, bigEndian: true, out _);
        BinaryPrimitives.WriteInt32BigEndian(payload.AsSpan(EpochAt), Epoch);
        BinaryPrimitives.WriteInt32BigEndian(payload.AsSpan(CounterAt), Counter);
        return new MacToken(Purpose, KeyId, payload).ToText(ring);
    }

    /// <returns>The token, or null unless <see cref="ToText"/> wrote this text with a key of this ring.</returns>
    public static RefreshToken? TryParse(string text, KeyRing ring) =>
        MacToken.TryParse(Purpose, text, ring) is var (_, keyId, payload)
            ? new RefreshToken(
                keyId, new Guid(payload.AsSpan(0, EpochAt), bigEndian: true), BinaryPrimitives.ReadInt32BigEndian(payload.AsSpan(EpochAt)),
                BinaryPrimitives.ReadInt32BigEndian(payload.AsSpan(CounterAt)))
            : null;
}
