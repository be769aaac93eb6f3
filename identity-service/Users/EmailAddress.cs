using System.Buffers;

namespace AuthMesh.Identity.Users;

/// <summary>
/// A mail address as typed. ASCII only, so that lower case has one meaning and no two addresses look alike; an international domain is
/// written with <c>xn--</c>. Nothing is stripped: whether <c>a+b@…</c> and <c>a@…</c> are one mailbox, only that domain knows.
/// </summary>
internal sealed record EmailAddress
{
    public const int MaximumLength = 254; // RFC 5321 §4.5.3.1.3, without the angle brackets
    public const string Rule = "must be an address such as name@example.com, in ASCII (an international domain as xn--…), at most 254 "
        + "characters";

    private const int LongestLocalPart = 64, LongestLabel = 63; // RFC 5321 §4.5.3.1.1, RFC 1035 §2.3.4

    // RFC 5321 §4.1.2, Dot-string. Quoted local parts and address literals are legal and useless: providers issue none.
    private static readonly SearchValues<char> LocalPart =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-/=?^_`{|}~.");

    private static readonly SearchValues<char> Label =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-");

    private EmailAddress(string value) => Value = value;

    public string Value { get; }

    /// <summary>In ASCII lower case, for comparisons.</summary>
    public string Normalized => Value.ToLowerInvariant();

    /// <returns>The address, or null if the text does not follow <see cref="Rule"/>.</returns>
    public static EmailAddress? TryParse(string text)
    {
        var at = text.IndexOf('@', StringComparison.Ordinal);
        return text.Length <= MaximumLength && at > 0 && IsLocalPart(text.AsSpan(0, at)) && IsDomain(text.AsSpan(at + 1))
            ? new EmailAddress(text) : null;
    }

    private static bool IsLocalPart(ReadOnlySpan<char> text) =>
        text.Length <= LongestLocalPart && !text.ContainsAnyExcept(LocalPart)
        && text[0] != '.' && text[^1] != '.' && !text.Contains("..", StringComparison.Ordinal);

    // At least two labels. The last one is not a number: that would be an IP address.
    private static bool IsDomain(ReadOnlySpan<char> text)
    {
        var labels = 0;
        var isNumber = false;
        foreach (var range in text.Split('.'))
        {
            var label = text[range];
            if (label.Length is 0 or > LongestLabel || label.ContainsAnyExcept(Label) || label[0] == '-' || label[^1] == '-')
            {
                return false;
            }

            labels++;
            isNumber = !label.ContainsAnyExceptInRange('0', '9');
        }

        return labels > 1 && !isNumber;
    }
}
