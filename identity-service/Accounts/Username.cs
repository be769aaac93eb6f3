using System.Buffers;

namespace AuthMesh.Identity.Accounts;

/// <summary>A name in the form that the mesh accepts. ASCII only, so that no two names look alike and lower case has one meaning.</summary>
internal sealed record Username
{
    public const int MinimumLength = 3;
    public const int MaximumLength = 64;
    public const string Rule = "must be 3 to 64 of the characters A-Z a-z 0-9 . _ - @ +";

    private static readonly SearchValues<char> Allowed =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-@+");

    private Username(string value) => Value = value;

    public string Value { get; }

    public string Normalized => Value.ToLowerInvariant();

    /// <returns>Whether some name begins like this. Nothing is how all of them begin.</returns>
    public static bool CanBegin(string text) => text.Length <= MaximumLength && !text.AsSpan().ContainsAnyExcept(Allowed);

    /// <returns>The name, or null where the text does not follow <see cref="Rule"/>.</returns>
    public static Username? TryParse(string text) =>
        text.Length is >= MinimumLength and <= MaximumLength && !text.AsSpan().ContainsAnyExcept(Allowed) ? new Username(text) : null;
}
