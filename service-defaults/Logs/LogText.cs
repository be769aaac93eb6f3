using System.Globalization;
using System.Text;

namespace AuthMesh.Logs;

/// <summary>Makes text safe for a line of a log.</summary>
internal static class LogText
{
    /// <summary>
    /// Writes invisible characters as their code (<c>\u000a</c>). These are line ends and other control characters, which could forge a
    /// line or control a terminal, marks that change the direction of text, and halves of surrogate pairs.
    /// </summary>
    public static string Visible(string text)
    {
        var first = 0;
        while (first < text.Length && IsVisible(text, first))
        {
            first++;
        }

        if (first == text.Length)
        {
            return text; // the usual case
        }

        var visible = new StringBuilder(text.Length + 16).Append(text, 0, first);
        for (var i = first; i < text.Length; i++)
        {
            if (IsVisible(text, i))
            {
                visible.Append(text[i]);
            }
            else
            {
                visible.Append(CultureInfo.InvariantCulture, $"\\u{(int)text[i]:x4}");
            }
        }

        return visible.ToString();
    }

    private static bool IsVisible(string text, int at)
    {
        var c = text[at];
        return c is >= ' ' and <= '~' || char.GetUnicodeCategory(c) switch
        {
            UnicodeCategory.Control or UnicodeCategory.Format => false,
            UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator => false,
            UnicodeCategory.Surrogate => char.IsHighSurrogate(c)
                ? at + 1 < text.Length && char.IsLowSurrogate(text[at + 1])
                : at > 0 && char.IsHighSurrogate(text[at - 1]),
            _ => true,
        };
    }
}
