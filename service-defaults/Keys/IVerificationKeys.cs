using Microsoft.IdentityModel.Tokens;

namespace AuthMesh.Keys;

/// <summary>
/// The public keys that may have signed an access token. In the identity service they come from its own key ring, elsewhere from the key
/// set that the issuer publishes.
/// </summary>
public interface IVerificationKeys
{
    /// <summary>Whether this process holds at least one key.</summary>
    bool IsReady { get; }

    /// <summary>Looks the key up in memory, without asking the issuer.</summary>
    /// <param name="keyId">The <c>kid</c> of a token's header (RFC 7515 §4.1.4).</param>
    /// <returns>The key, or null if this process does not hold it (any more). The object stays the same as long as the key does.</returns>
    ECDsaSecurityKey? Find(string keyId);

    /// <summary>Looks up the key that a token names.</summary>
    /// <param name="keyId">The <c>kid</c> of the token's header (RFC 7515 §4.1.4).</param>
    /// <param name="cancellationToken">Ends the wait for the issuer's answer.</param>
    ValueTask<KeyLookup> FindAsync(string keyId, CancellationToken cancellationToken);
}

/// <summary>The result of a key lookup.</summary>
/// <param name="Key">The key, or null if none was found.</param>
/// <param name="IsUnavailable">
/// Whether the issuer could not be asked. Then a forged key id looks the same as one that is too new to be known here.
/// </param>
public readonly record struct KeyLookup(ECDsaSecurityKey? Key, bool IsUnavailable = false);
