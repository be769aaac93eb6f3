using AuthMesh.Settings;

namespace AuthMesh.Identity.Passwords;

/// <summary>The section <c>Identity:Passwords</c>: the rules for new passwords. Existing passwords keep working.</summary>
public sealed class PasswordOptions
{
    /// <summary>In code points, so that an emoji counts as one.</summary>
    public int MinimumLength { get; set; } = 8;

    public int MaximumLength { get; set; } = 256;

    /// <summary>Whether to refuse the most common passwords. Demo users turn this off, because they have such passwords.</summary>
    public bool RefuseCommon { get; set; } = true;

    internal void Check(SettingProblems problems)
    {
        // NIST SP 800-63B-4 §3.1.1.2 sets the lower bounds. A request body of 16 KB, and what a person can type, set the upper ones.
        problems.Unless(
            MinimumLength is >= 8 and <= 64, "Passwords:MinimumLength",
            "must be 8 to 64; NIST asks for 15 where the password is the only factor.");
        problems.Unless(
            MaximumLength is >= 64 and <= 256, "Passwords:MaximumLength", "must be 64 to 256: password managers and sentences need room.");
    }
}
