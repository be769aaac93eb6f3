using AuthMesh.Settings;

namespace AuthMesh.Identity.Passkeys;

/// <summary>The section <c>Identity:Passkeys</c>.</summary>
public sealed class PasskeyOptions
{
    /// <summary>
    /// The domain that passkeys belong to (the RP ID of WebAuthn §5.1.2): the host of the pages unless set, or a parent domain of it. Sites
    /// of this domain can share passkeys. Changing it makes every existing passkey useless.
    /// </summary>
    public string Domain { get; set; } = "";

    /// <summary>The origin of the pages, which another section holds.</summary>
    internal string Origin { get; set; } = "";

    /// <summary>The domain in effect.</summary>
    internal string EffectiveDomain => Domain.Length > 0 ? Domain : new Uri(Origin).Host;

    internal void Check(SettingProblems problems)
    {
        // Another check reports a value that is no origin.
        if (Domain.Length > 0 && Uri.TryCreate(Origin, UriKind.Absolute, out var origin))
        {
            problems.Unless(
                Domain == origin.Host || IsParent(Domain, origin.Host), "Passkeys:Domain",
                "must be the host of the pages (AuthMesh:Issuer, or AuthMesh:PagesOrigin) or a parent domain of it, in lower case. Leave "
                + "it out for the host.");
        }
    }

    // A parent of one label is a public suffix such as "com", for which no browser makes a passkey.
    private static bool IsParent(string domain, string host) =>
        domain[0] != '.' && domain.Contains('.', StringComparison.Ordinal) && host.EndsWith("." + domain, StringComparison.Ordinal);
}
