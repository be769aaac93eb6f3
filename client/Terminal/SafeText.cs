using System.Globalization;
using System.Text;

namespace AuthMesh.Client.Terminal;

/// <summary>
/// Makes text from elsewhere harmless. A server, or a name, must not move the cursor, recolour the screen or change the reading direction:
/// that could make a refusal look like a success.
/// </summary>
internal static class SafeText
{
    public static string Escape(string text)
    {
        var safe = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes()) // a lone surrogate comes out as U+FFFD
        {
            if (IsHarmless(Rune.GetUnicodeCategory(rune)))
            {
                safe.Append(rune);
            }
            else
            {
                safe.Append(CultureInfo.InvariantCulture, $"\\u{{{rune.Value:x}}}");
            }
        }

        return safe.ToString();
    }

    private static bool IsHarmless(UnicodeCategory category) => category is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
        or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned);
}
