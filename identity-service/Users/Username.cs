using System.Buffers;
using System.Security.Cryptography;

namespace AuthMesh.Identity.Users;

/// <summary>A name in the form that the mesh accepts. ASCII only, so that no two names look alike and lower case has one meaning.</summary>
internal sealed record Username
{
    public const int MinimumLength = 3;
    public const int MaximumLength = 64;
    public const string Rule = "must be 3 to 64 of the characters A-Z a-z 0-9 . _ - @ +";
    public const string IdRule = "must not have the form of an id, which is 32 hexadecimal digits";

    private const int DigitsOfAnId = 32;

    // Phones and spreadsheets add white space around a name, and no name can contain any. These are the five characters of ASCII white
    // space, which browsers also strip from an <input type="email"> (HTML standard §4.10.5.1.5). Any other space is an invalid character.
    private const string WhiteSpace = "\t\n\f\r ";

    private static readonly SearchValues<char> Allowed =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-@+");

    private Username(string value) => Value = value;

    public string Value { get; }

    public string Normalized => Value.ToLowerInvariant();

    /// <summary>
    /// Whether a program could take the name for a user's id. The punctuation between the digits is ignored, because parsers disagree about
    /// it. .NET also reads 0x and + inside a Guid.
    /// </summary>
    public bool HasFormOfId =>
        Guid.TryParse(Value, out _)
        || (Value.Count(char.IsAsciiHexDigit) == DigitsOfAnId
            && !Value.Any(character => char.IsAsciiLetter(character) && !char.IsAsciiHexDigit(character)));

    /// <returns>Whether a valid name can start with this text. The empty text qualifies.</returns>
    public static bool CanBegin(string text) => text.Length <= MaximumLength && !text.AsSpan().ContainsAnyExcept(Allowed);

    /// <summary>Removes white space around a typed name or address.</summary>
    public static string Trim(string text) => text.AsSpan().Trim(WhiteSpace).ToString();

    /// <summary>Parses a name and ignores white space around it.</summary>
    /// <returns>The name, or null if the text does not follow <see cref="Rule"/>. Users from before <see cref="IdRule"/> keep their
    /// names.</returns>
    public static Username? TryParse(string text)
    {
        var name = text.AsSpan().Trim(WhiteSpace);
        return name.Length is >= MinimumLength and <= MaximumLength && !name.ContainsAnyExcept(Allowed)
            ? new Username(name.ToString()) : null;
    }

    /// <summary>A name for an account that loses its own. 65 random bits: nobody else has it.</summary>
    public static Username Generate() => new("user-" + RandomNumberGenerator.GetString("abcdefghijklmnopqrstuvwxyz234567", 13));

    /// <returns>Why no new user can have this name, or null.</returns>
    public static string? FindFault(string text) =>
        TryParse(text) is not { } name ? Rule
        : name.HasFormOfId ? IdRule
        : null;
}
