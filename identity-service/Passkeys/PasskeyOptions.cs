using AuthMesh.Settings;

namespace AuthMesh.Identity.Passkeys;

/// <summary>The section <c>Identity:Passkeys</c>.</summary>
public sealed class PasskeyOptions
{
    /// <summary>
    /// The domain that passkeys belong to (the RP ID of WebAuthn §5.1.2): the issuer's host unless set, or a parent domain of it. Sites of
    /// this domain can share passkeys. Changing it makes every existing passkey useless.
    /// </summary>
    public string Domain { get; set; } = "";

    /// <summary>The mesh's issuer, which another section holds.</summary>
    internal string Issuer { get; set; } = "";

    /// <summary>The domain in effect.</summary>
    internal string EffectiveDomain => Domain.Length > 0 ? Domain : new Uri(Issuer).Host;

    internal void Check(SettingProblems problems)
    {
        // The check of the issuer itself reports an issuer that is no origin.
        if (Domain.Length > 0 && Uri.TryCreate(Issuer, UriKind.Absolute, out var issuer))
        {
            problems.Unless(
                Domain == issuer.Host || IsParent(Domain, issuer.Host), "Passkeys:Domain",
                "must be the host of AuthMesh:Issuer or a parent domain of it, in lower case. Leave it out for the host.");
        }
    }

    // A parent of one label is a public suffix such as "com", for which no browser makes a passkey.
    private static bool IsParent(string domain, string host) =>
        domain[0] != '.' && domain.Contains('.', StringComparison.Ordinal) && host.EndsWith("." + domain, StringComparison.Ordinal);
}
