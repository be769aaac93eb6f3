using System.Text.Json;
using System.Text.RegularExpressions;

namespace AuthMesh.Identity.Pages.Frame;

/// <summary>Reads the texts that come with the service, and the team's own, which win.</summary>
internal static partial class TextFolder
{
    private const string English = "en";

    private static readonly string[] Own = [English, "ja"];

    /// <returns>Every language, each completed with English.</returns>
    public static IReadOnlyList<Language> Read(string folder)
    {
        var all = Own.ToDictionary(code => code, ReadOwn);
        foreach (var (code, file) in Files(folder))
        {
            using var stream = File.OpenRead(file);
            all[code] = Merge(all.GetValueOrDefault(code) ?? [], Parse(stream));
        }

        var english = all[English];
        return [.. all.Select(language => new Language(language.Key, Merge(english, language.Value)))];
    }

    /// <returns>What is wrong with the team's files or the default language, each as the rest of a sentence.</returns>
    public static IEnumerable<string> FindFaults(string folder, string language)
    {
        if (folder.Length > 0 && !Directory.Exists(folder))
        {
            yield return "must be a folder that exists.";
            yield break;
        }

        var english = ReadOwn(English);
        var codes = Own.ToHashSet();
        foreach (var (code, file) in Files(folder))
        {
            codes.Add(code);
            if (TryParse(file) is not { } texts)
            {
                yield return $"has {Path.GetFileName(file)}, which is not a JSON object of texts.";
                continue;
            }

            foreach (var (key, text) in texts)
            {
                if (!english.TryGetValue(key, out var original))
                {
                    yield return $"has {Path.GetFileName(file)}, whose key {key} no page has.";
                }
                else if (!Placeholders(text).SequenceEqual(Placeholders(original)))
                {
                    yield return $"has {Path.GetFileName(file)}, whose text {key} has other placeholders than "
                        + $"{string.Join(' ', Placeholders(original))}.";
                }
            }
        }

        if (!codes.Contains(language))
        {
            yield return $"must name a language that has texts, and {language} has none.";
        }
    }

    /// <summary>The placeholders of a text, in alphabetical order.</summary>
    public static IReadOnlyList<string> Placeholders(string text) =>
        [.. Placeholder().Matches(text).Select(match => match.Value).Distinct().Order(StringComparer.Ordinal)];

    public static Dictionary<string, string> ReadOwn(string code)
    {
        using var stream = typeof(TextFolder).Assembly.GetManifestResourceStream($"texts.{code}.json")!;
        return Parse(stream);
    }

    private static IEnumerable<(string Code, string File)> Files(string folder) => folder.Length == 0 ? []
        : from file in Directory.EnumerateFiles(folder, "texts.*.json").Order(StringComparer.Ordinal)
          let code = CodeInName().Match(Path.GetFileName(file))
          where code.Success
          select (code.Groups[1].Value, file);

    private static Dictionary<string, string>? TryParse(string file)
    {
        try
        {
            using var stream = File.OpenRead(file);
            return Parse(stream);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or IOException)
        {
            return null;
        }
    }

    private static Dictionary<string, string> Parse(Stream json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.EnumerateObject().ToDictionary(member => member.Name, member => member.Value.GetString()!);
    }

    private static Dictionary<string, string> Merge(Dictionary<string, string> below, Dictionary<string, string> above)
    {
        var merged = new Dictionary<string, string>(below);
        foreach (var (key, text) in above)
        {
            merged[key] = text;
        }

        return merged;
    }

    [GeneratedRegex(@"\{\w+\}")]
    private static partial Regex Placeholder();

    [GeneratedRegex(@"^texts\.([a-z]{2,3})\.json\z")]
    private static partial Regex CodeInName();
}
