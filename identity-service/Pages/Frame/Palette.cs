using System.Globalization;

namespace AuthMesh.Identity.Pages.Frame;

/// <summary>
/// The colours that depend on <see cref="PageOptions.Accent"/>. Links and buttons keep a contrast of 4.5 to 1 in both schemes (WCAG 2.2,
/// 1.4.3). Everything else stands in the style sheet.
/// </summary>
internal sealed record Palette(string Light, string Dark)
{
    private const double Enough = 4.5;

    // The darkest background of text in the light scheme, and the lightest in the dark one: see style.css.
    private const string LightSurface = "#f4f5f8", DarkSurface = "#20242c", DarkText = "#10131a";

    /// <returns>Why the colour cannot be the accent, or null.</returns>
    public static string? FindFault(string accent)
    {
        if (TryRead(accent) is not { } colour)
        {
            return "must be a colour such as #2f5bd8.";
        }

        var contrast = Contrast(colour, TryRead(LightSurface)!.Value);
        return contrast >= Enough ? null
            : string.Create(
                CultureInfo.InvariantCulture,
                $"has a contrast of {contrast:0.0} to 1 with the pages, and text needs {Enough} to 1. Choose a darker colour.");
    }

    /// <summary>Mixes the accent with white for the dark scheme, as far as its text needs, on the page and on a button.</summary>
    public static Palette For(string accent)
    {
        var colour = TryRead(accent)!.Value;
        for (var white = 0; ; white++)
        {
            var mixed = Mix(colour, white / 20.0);
            if (Contrast(mixed, TryRead(DarkSurface)!.Value) >= Enough && Contrast(mixed, TryRead(DarkText)!.Value) >= Enough)
            {
                return new Palette(accent, ToText(mixed));
            }
        }
    }

    /// <summary>The contrast ratio of two colours (WCAG 2.2, relative luminance).</summary>
    public static double Contrast((byte R, byte G, byte B) one, (byte R, byte G, byte B) other)
    {
        var (a, b) = (Luminance(one), Luminance(other));
        return (Math.Max(a, b) + 0.05) / (Math.Min(a, b) + 0.05);
    }

    public static (byte R, byte G, byte B)? TryRead(string text) =>
        text is ['#', _, _, _, _, _, _]
        && uint.TryParse(text.AsSpan(1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var n)
            ? ((byte)(n >> 16), (byte)(n >> 8), (byte)n)
            : null;

    private static (byte R, byte G, byte B) Mix((byte R, byte G, byte B) colour, double white)
    {
        return (Channel(colour.R), Channel(colour.G), Channel(colour.B));
        byte Channel(byte value) => (byte)Math.Round(value + ((255 - value) * Math.Min(white, 1)));
    }

    private static double Luminance((byte R, byte G, byte B) colour)
    {
        return (0.2126 * Linear(colour.R)) + (0.7152 * Linear(colour.G)) + (0.0722 * Linear(colour.B));
        static double Linear(byte value) =>
            value / 255.0 is <= 0.04045 and var low ? low / 12.92 : Math.Pow(((value / 255.0) + 0.055) / 1.055, 2.4);
    }

    private static string ToText((byte R, byte G, byte B) colour) => $"#{colour.R:x2}{colour.G:x2}{colour.B:x2}";
}
