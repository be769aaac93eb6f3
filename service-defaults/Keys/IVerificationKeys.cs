using Microsoft.IdentityModel.Tokens;

namespace AuthMesh.Keys;

/// <summary>
/// The public keys that may have signed an access token: the issuer's own key ring in the identity service, what the issuer
/// publishes everywhere else.
/// </summary>
public interface IVerificationKeys
{
    /// <summary>Whether at least one key is held.</summary>
    bool IsReady { get; }

    /// <summary>Looks among the keys that are held here and now, and asks nobody.</summary>
    /// <param name="keyId">The <c>kid</c> of a token's header (RFC 7515 §4.1.4).</param>
    /// <returns>The key, the same object for as long as it is the same key; null where it is not, or no longer, held.</returns>
    ECDsaSecurityKey? Find(string keyId);

    /// <summary>Looks up the key that a token names.</summary>
    /// <param name="keyId">The <c>kid</c> of the token's header (RFC 7515 §4.1.4).</param>
    /// <param name="cancellationToken">Ends the wait for an answer of the issuer.</param>
    ValueTask<KeyLookup> FindAsync(string keyId, CancellationToken cancellationToken);
}

/// <summary>What is known about a key id.</summary>
/// <param name="Key">The key, or null where there is none to be had.</param>
/// <param name="IsUnavailable">
/// Whether the issuer could not be asked, so that nobody can tell a forged key id from one that is too new to be known here.
/// </param>
public readonly record struct KeyLookup(ECDsaSecurityKey? Key, bool IsUnavailable = false);
