using AuthMesh.Settings;

namespace AuthMesh.Identity.Passwords;

/// <summary>The section <c>Identity:Passwords</c>: what a new password must be. Those that there are stay good.</summary>
public sealed class PasswordOptions
{
    /// <summary>In code points, so that an emoji is one.</summary>
    public int MinimumLength { get; set; } = 8;

    public int MaximumLength { get; set; } = 256;

    /// <summary>Whether the most common passwords are refused. With demo users, who have some of them, they are not.</summary>
    public bool RefuseCommon { get; set; } = true;

    internal void Check(SettingProblems problems)
    {
        // Below and above: NIST SP 800-63B-4 §3.1.1.2. What a body of 16 KB and a person at a keyboard can bring ends the other side.
        problems.Unless(
            MinimumLength is >= 8 and <= 64, "Passwords:MinimumLength",
            "must be 8 to 64; 15 is what NIST asks where nothing but the password is asked for.");
        problems.Unless(
            MaximumLength is >= 64 and <= 256, "Passwords:MaximumLength", "must be 64 to 256: password managers and sentences need room.");
    }
}
