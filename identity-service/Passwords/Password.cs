namespace AuthMesh.Identity.Passwords;

/// <summary>What a new password may be: any text, as typed and never cut (NIST SP 800-63B-4 §3.1.1.2).</summary>
internal static class Password
{
    public const int MinimumLength = 8;
    public const int MaximumLength = 256;
    public const string Rule = "must be 8 to 256 characters";

    /// <summary>Counts code points, so that an emoji is one.</summary>
    public static bool IsAcceptable(string password)
    {
        var length = 0;
        foreach (var _ in password.EnumerateRunes())
        {
            length++;
        }

        return length is >= MinimumLength and <= MaximumLength && !password.Contains('\0', StringComparison.Ordinal);
    }
}
