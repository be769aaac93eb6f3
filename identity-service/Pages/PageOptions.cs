using AuthMesh.Identity.Pages.Frame;
using AuthMesh.Settings;

namespace AuthMesh.Identity.Pages;

/// <summary>The section <c>Identity:Pages</c>: the pages for people.</summary>
public sealed class PageOptions
{
    private const int MostLogoBytes = 20 * 1024; // a page weighs at most 60 KB

    private const int LongestProductName = 40;

    /// <summary>Whether the service has pages. Without them their addresses are 404, and the JSON API stays as it is.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>The name that stands above every page.</summary>
    public string ProductName { get; set; } = "AuthMesh";

    /// <summary>An SVG or PNG file that stands beside the name; ours unless set.</summary>
    public string LogoFile { get; set; } = "";

    /// <summary>The colour of buttons and links, as <c>#rrggbb</c>. In the dark scheme, a lighter shade of it.</summary>
    public string Accent { get; set; } = "#2f5bd8";

    /// <summary>A folder with files such as <c>texts.de.json</c>, which add languages or replace single texts; none unless set.</summary>
    public string Texts { get; set; } = "";

    /// <summary>The language of people whose own languages the pages do not have.</summary>
    public string Language { get; set; } = "en";

    internal void Check(SettingProblems problems)
    {
        problems.Unless(
            ProductName.Length is > 0 and <= LongestProductName && !ProductName.Any(char.IsControl), "Pages:ProductName",
            $"must be 1 to {LongestProductName} characters.");
        problems.Unless(
            LogoFile.Length == 0 || (Path.GetExtension(LogoFile) is ".svg" or ".png" && File.Exists(LogoFile)
                && new FileInfo(LogoFile).Length is > 0 and <= MostLogoBytes),
            "Pages:LogoFile", "must be an .svg or .png file of at most 20 KB that the service can read.");
        if (Palette.FindFault(Accent) is { } fault)
        {
            problems.Unless(false, "Pages:Accent", fault);
        }

        foreach (var problem in TextFolder.FindFaults(Texts, Language))
        {
            problems.Unless(false, Texts.Length == 0 ? "Pages:Language" : "Pages:Texts", problem);
        }
    }
}
