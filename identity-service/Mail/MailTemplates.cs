using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Text.Unicode;
using AuthMesh.Settings;

namespace AuthMesh.Identity.Mail;

/// <summary>A mail's text in one language.</summary>
internal sealed record MailText(string Subject, string Text, string Html);

/// <summary>
/// The texts of all mails. A kind has one file for each language and form, such as <c>verify_email.en.txt</c>. The first line of the text
/// is the subject. <c>layout.html</c> surrounds each HTML form. <c>words.en.txt</c> has the words for values that the code chooses.
/// </summary>
internal sealed partial class MailTemplates
{
    private const string Fallback = "en", Layout = "layout.html", Prefix = "mail/";

    // Any script reads well in the source; only what is special in HTML is encoded.
    private static readonly HtmlEncoder Html = HtmlEncoder.Create(UnicodeRanges.All);

    private static readonly string[] OfEachMail = ["product", "issuer", "account", "address", "time"];
    public static readonly string[] PlaceholdersOfLayout = ["product", "issuer", "language", "subject", "content"];

    private static readonly Dictionary<string, MailKind> Kinds = Enum.GetValues<MailKind>().ToDictionary(NameOf);

    private readonly Dictionary<string, string> files;

    private MailTemplates(Dictionary<string, string> files) => this.files = files;

    /// <summary>The name of a kind's files: <c>verify_email</c>.</summary>
    public static string NameOf(MailKind kind) => JsonNamingPolicy.SnakeCaseLower.ConvertName(kind.ToString());

    public static string[] PlaceholdersOf(MailKind kind) =>
        [.. OfEachMail, .. MailData.NamesOf(kind), .. MailData.HasLink(kind) ? ["link"] : Array.Empty<string>()];

    /// <param name="folder">Files that replace the service's own; empty for none.</param>
    public static MailTemplates Read(string folder)
    {
        var assembly = typeof(MailTemplates).Assembly;
        var files = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var name in assembly.GetManifestResourceNames().Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
            files[name[Prefix.Length..]] = reader.ReadToEnd();
        }

        foreach (var (name, text) in ReadFolder(folder))
        {
            files[name] = text;
        }

        return new(files);
    }

    /// <summary>Notes what is wrong with the files of a folder, each with its name.</summary>
    public static void Check(string folder, SettingProblems problems)
    {
        const string Key = "Mail:Templates";
        Dictionary<string, string> own;
        try
        {
            own = ReadFolder(folder);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            problems.Unless(false, Key, $"names a folder that cannot be read: {exception.Message}");
            return;
        }

        var all = Read(folder).files;
        foreach (var (name, text) in own)
        {
            var fault = FindFault(name, text, all);
            problems.Unless(fault is null, Key, $"has the file {name}, which {fault}");
        }
    }

    /// <param name="kind">The mail.</param>
    /// <param name="language">The wanted language. English, if this kind has no template of that language.</param>
    /// <param name="values">The values of the placeholders, as plain text.</param>
    public MailText Render(MailKind kind, string language, IReadOnlyDictionary<string, string> values)
    {
        var name = NameOf(kind);
        language = files.ContainsKey($"{name}.{language}.txt") ? language : Fallback;
        var all = values.ToDictionary(value => value.Key, value => OnOneLine(value.Value));
        foreach (var (key, word) in all.Where(value => value.Key is "method" or "device" && MailData.Words.Contains(value.Value)).ToList())
        {
            all[key] = Words(language).GetValueOrDefault(word) ?? Words(Fallback).GetValueOrDefault(word, word);
        }

        var (subject, text) = SplitSubject(files[$"{name}.{language}.txt"]);
        subject = Fill(subject, all);
        var html = all.ToDictionary(value => value.Key, value => Html.Encode(value.Value));
        html["content"] = Fill(files[$"{name}.{language}.html"], html).TrimEnd();
        html["subject"] = Html.Encode(subject);
        html["language"] = language;
        return new MailText(subject, Fill(text, all), Fill(files[Layout], html));
    }

    private static string? FindFault(string name, string text, Dictionary<string, string> all)
    {
        if (name == Layout)
        {
            return FindUnknown(text, PlaceholdersOfLayout)
                ?? (text.Contains("{{content}}", StringComparison.Ordinal) ? null : "lacks {{content}}, the place of the mail's text.");
        }

        var parts = FileName().Match(name);
        if (parts.Success && parts.Groups["kind"].Value == "words")
        {
            return ReadWords(text) is { } words && words.Keys.Except(MailData.Words).FirstOrDefault() is { } unknown
                ? $"has the unknown word {unknown}. Known are {string.Join(", ", MailData.Words)}." : null;
        }

        if (!parts.Success || !Kinds.TryGetValue(parts.Groups["kind"].Value, out var kind))
        {
            return $"is no template. Names are KIND.LANGUAGE.txt, KIND.LANGUAGE.html and {Layout}, for example verify_email.en.txt.";
        }

        var isText = name.EndsWith(".txt", StringComparison.Ordinal);
        var pair = Path.ChangeExtension(name, isText ? "html" : "txt");
        return FindUnknown(text, PlaceholdersOf(kind))
            ?? (all.ContainsKey(pair) ? null : $"needs {pair} beside it: each mail has a text and an HTML form.")
            ?? (!MailData.HasLink(kind) || text.Contains("{{link}}", StringComparison.Ordinal) ? null : "lacks {{link}}.")
            ?? (isText ? FindSubjectFault(text) : null);
    }

    private static string? FindSubjectFault(string text) => SplitSubject(text).Subject switch
    {
        "" => "lacks a subject in its first line.",
        var subject when subject.Contains("{{link}}", StringComparison.Ordinal) =>
            "has {{link}} in its first line, the subject, which the receiver's systems show to others.",
        _ => null,
    };

    private static string? FindUnknown(string text, string[] known) =>
        Placeholder().Matches(text).Select(match => match.Groups[1].Value).Except(known).FirstOrDefault() is { } unknown
            ? $"has the unknown placeholder {{{{{unknown}}}}}. Known are {string.Join(", ", known)}." : null;

    private static Dictionary<string, string> ReadFolder(string folder) => folder.Length == 0
        ? []
        : new DirectoryInfo(folder).EnumerateFiles().Where(file => file.Extension is ".txt" or ".html")
            .ToDictionary(file => file.Name, file => File.ReadAllText(file.FullName));

    private Dictionary<string, string> Words(string language) => ReadWords(files.GetValueOrDefault($"words.{language}.txt", ""));

    private static Dictionary<string, string> ReadWords(string text) => text.Split('\n')
        .Select(line => line.Split('=', 2, StringSplitOptions.TrimEntries)).Where(parts => parts.Length == 2)
        .GroupBy(parts => parts[0]).ToDictionary(word => word.Key, word => word.Last()[1]);

    private static (string Subject, string Text) SplitSubject(string text)
    {
        var lines = text.ReplaceLineEndings("\n").Split('\n', 2);
        return (lines[0].Trim(), lines is [_, var rest] ? rest.TrimStart('\n') : "");
    }

    // Values come last, so a value that looks like a placeholder stays as it is.
    private static string Fill(string text, Dictionary<string, string> values) =>
        Placeholder().Replace(text, match => values.GetValueOrDefault(match.Groups[1].Value, ""));

    // A line end in a value could look like a header, or like a paragraph of ours.
    private static string OnOneLine(string value) => ControlCharacters().Replace(value, " ");

    [GeneratedRegex(@"\{\{([^{}]*)\}\}")]
    private static partial Regex Placeholder();

    [GeneratedRegex(@"^(?<kind>[a-z_]+)\.[A-Za-z-]{2,8}\.(txt|html)$")]
    private static partial Regex FileName();

    [GeneratedRegex(@"[\p{C}\u2028\u2029]+")]
    private static partial Regex ControlCharacters();
}
