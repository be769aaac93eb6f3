using System.Globalization;

namespace AuthMesh.Requests;

/// <summary>
/// Reads ids and numbers from a path, a query or a header, in one spelling only. The framework's parsers also accept an id between spaces
/// and line ends, and a number that ends in U+0000. One part of a system may take two spellings for the same value, and another part may
/// not.
/// </summary>
public static class RequestText
{
    /// <summary>
    /// Reads an id as the mesh writes ids, <c>01a206df-fd48-7e5c-bf0e-4b06949bffdd</c>. Its letters may be upper-case (RFC 9562 §4).
    /// </summary>
    public static bool TryReadId(string? text, out Guid id) =>
        Guid.TryParseExact(text, "D", out id) && id.ToString("D").Equals(text, StringComparison.OrdinalIgnoreCase);

    /// <summary>Reads a number of digits only, without a sign.</summary>
    public static bool TryReadNumber(ReadOnlySpan<char> text, out long number)
    {
        number = 0;
        return !text.ContainsAnyExceptInRange('0', '9') && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }
}
