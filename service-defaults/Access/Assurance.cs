namespace AuthMesh.Access;

/// <summary>The values of the <c>acr</c> claim: how strong the proof was by which the user signed in (NIST SP 800-63B-4 §2).</summary>
public static class Assurance
{
    /// <summary>One factor, such as a password. A device that the user trusts in place of a second factor changes nothing here.</summary>
    public const string OneFactor = "aal1";

    /// <summary>Two different factors within ten minutes, or a passkey that verified its user.</summary>
    public const string TwoFactors = "aal2";
}
