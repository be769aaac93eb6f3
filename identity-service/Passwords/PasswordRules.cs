using System.Text;
using AuthMesh.Identity.Tokens;

namespace AuthMesh.Identity.Passwords;

/// <summary>
/// The rules for new passwords: any text that is not among the first guesses, as typed and never truncated (NIST SP 800-63B-4 §3.1.1.2).
/// The rules demand no mixture of characters, because that yields passwords that are hard to remember and easy to guess.
/// </summary>
internal sealed class PasswordRules(PasswordOptions options, TokenOptions tokens)
{
    private const string Product = "authmesh";

    // The letters that must remain without the name. An attacker who knows the name tries "alice2024!" and "my-alice" first.
    private const int FewestOtherLetters = 4;
    private const int ShortestName = 3;

    /// <param name="password">As typed.</param>
    /// <param name="username">The name of its owner.</param>
    /// <param name="email">The owner's address, if any.</param>
    /// <returns>The fault and its cure, or null. The text never contains the password.</returns>
    public string? FindFault(string password, string username, string? email = null)
    {
        var (minimum, maximum) = (options.MinimumLength, options.MaximumLength);
        var length = password.EnumerateRunes().Count();
        if (length < minimum || length > maximum || password.Contains('\0', StringComparison.Ordinal))
        {
            return $"must be {minimum} to {maximum} characters";
        }

        var folded = password.ToLowerInvariant();
        if (IsLittleMoreThan(folded, username) || IsLittleMoreThan(folded, username.Split('@')[0]))
        {
            return "is little more than your name. Choose one that nobody can make from it";
        }

        if (email is not null && (IsLittleMoreThan(folded, email) || IsLittleMoreThan(folded, email.Split('@')[0])))
        {
            return "is little more than your address. Choose one that nobody can make from it";
        }

        if (IsLittleMoreThan(folded, Product) || IsLittleMoreThan(folded, tokens.ClientId))
        {
            return "is little more than the name of this service. Choose one that nobody can make from it";
        }

        return options.RefuseCommon && CommonPasswords.Contains(folded)
            ? "is one of the most common passwords, which are tried first. Choose another, for example several words that have nothing to "
                + "do with each other"
            : null;
    }

    private static bool IsLittleMoreThan(string folded, string name)
    {
        if (name.Length < ShortestName)
        {
            return false;
        }

        name = name.ToLowerInvariant();
        var rest = folded.Replace(name, "", StringComparison.Ordinal).Replace(string.Concat(name.Reverse()), "", StringComparison.Ordinal);
        return rest.Length < folded.Length && rest.EnumerateRunes().Count(Rune.IsLetter) < FewestOtherLetters;
    }
}

/// <summary>
/// The list that ships with the service; common-passwords.LICENSE.txt names its source. The comparison ignores case and no other
/// difference in spelling.
/// </summary>
internal static class CommonPasswords
{
    // 168 KB, loaded at the first use; a frozen set of strings would take 2.2 MB (measured). A search by bytes takes 50 µs, against a
    // quarter of a second for the hash that follows.
    private static readonly Lazy<byte[]> Lines = new(Read);

    public static bool Contains(string folded) => Lines.Value.AsSpan().IndexOf(Encoding.UTF8.GetBytes($"\n{folded}\n")) >= 0;

    private static byte[] Read()
    {
        using var list = typeof(CommonPasswords).Assembly.GetManifestResourceStream("common-passwords.txt")!;
        var lines = new byte[list.Length + 1];
        lines[0] = (byte)'\n'; // the first line begins like any other
        list.ReadExactly(lines, 1, (int)list.Length);
        return lines;
    }
}
