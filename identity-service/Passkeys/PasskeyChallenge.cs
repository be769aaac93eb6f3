using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using AuthMesh.Errors;
using AuthMesh.Identity.Keys;

namespace AuthMesh.Identity.Passkeys;

/// <summary>What a signature over a challenge is for. A token holds the number.</summary>
internal enum ChallengePurpose : byte
{
    /// <summary>Adds a passkey to the account.</summary>
    Add = 1,

    /// <summary>Signs in to the account that the passkey belongs to.</summary>
    SignIn = 2,

    /// <summary>Signs in after the password of the account.</summary>
    SecondStep = 3,

    /// <summary>Proves again who a signed-in caller is.</summary>
    StepUp = 4,
}

/// <summary>
/// What the service must remember between the options for an authenticator and its answer, as a <see cref="MacToken"/> that the caller
/// sends back: nothing is stored for challenges that nobody answers.
/// </summary>
/// <param name="UserId">The account that it was made for; empty for <see cref="ChallengePurpose.SignIn"/>.</param>
/// <param name="Nonce">Goes into <see cref="UsedChallenge"/>.</param>
/// <param name="HandlerState">The framework's own state, which holds the random challenge.</param>
internal sealed record PasskeyChallenge(ChallengePurpose Purpose, Guid UserId, DateTimeOffset ExpiresAt, byte[] Nonce, string HandlerState)
{
    /// <summary>Long enough to fetch a security key. Browsers stop earlier by themselves.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(5);

    /// <summary>One answer for a challenge that is expired, used, forged, or for another purpose or account.</summary>
    public static readonly Failure Invalid = new(
        StatusCodes.Status400BadRequest, "invalid_or_expired_token", "Invalid or expired. Start again");

    // purpose, expiry in Unix seconds, user, nonce, state: numbers big-endian.
    private const int ExpiryAt = 1, UserAt = 9, NonceAt = 25, StateAt = 41, NonceBytes = StateAt - NonceAt;

    // The state holds a name twice. Each of its 64 characters may be escaped as six.
    private static readonly MacPurpose TokenPurpose = new("authmesh passkey challenge 1", StateAt + 1_200, IsFixed: false);

    public static PasskeyChallenge Create(ChallengePurpose purpose, Guid userId, string handlerState, TimeProvider clock) =>
        new(purpose, userId, clock.GetUtcNow() + Lifetime, RandomNumberGenerator.GetBytes(NonceBytes), handlerState);

    public string ToText(KeyRing ring)
    {
        var payload = new byte[StateAt + Encoding.UTF8.GetByteCount(HandlerState)];
        payload[0] = (byte)Purpose;
        BinaryPrimitives.WriteInt64BigEndian(payload.AsSpan(ExpiryAt), ExpiresAt.ToUnixTimeSeconds());
        UserId.TryWriteBytes(payload.AsSpan(UserAt), bigEndian: true, out _);
        Nonce.CopyTo(payload, NonceAt);
        Encoding.UTF8.GetBytes(HandlerState, payload.AsSpan(StateAt));
        return MacToken.Create(TokenPurpose, payload, ring).ToText(ring);
    }

    /// <returns>The challenge, or null unless this mesh made it for this purpose and account and it has not expired.</returns>
    public static PasskeyChallenge? TryParse(string text, ChallengePurpose purpose, Guid userId, KeyRing ring, TimeProvider clock)
    {
        if (MacToken.TryParse(TokenPurpose, text, ring) is not { Payload: var payload })
        {
            return null;
        }

        var challenge = new PasskeyChallenge(
            (ChallengePurpose)payload[0], new Guid(payload.AsSpan(UserAt, NonceAt - UserAt), bigEndian: true),
            DateTimeOffset.FromUnixTimeSeconds(BinaryPrimitives.ReadInt64BigEndian(payload.AsSpan(ExpiryAt))),
            payload[NonceAt..StateAt], Encoding.UTF8.GetString(payload.AsSpan(StateAt)));
        return challenge.Purpose == purpose && challenge.UserId == userId && challenge.ExpiresAt > clock.GetUtcNow() ? challenge : null;
    }
}
