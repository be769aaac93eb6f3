using System.Collections.Frozen;
using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace AuthMesh.Identity.Pages.Frame;

/// <summary>The texts of all pages in all languages.</summary>
internal sealed class Texts(IOptions<PageOptions> options)
{
    private readonly Lazy<FrozenDictionary<string, Language>> languages = new(
        () => TextFolder.Read(options.Value.Texts).ToFrozenDictionary(language => language.Code));

    public IEnumerable<Language> All => languages.Value.Values.OrderBy(language => language.Code, StringComparer.Ordinal);

    /// <summary>The account's own choice, else the first that the browser asks for, else the default.</summary>
    public Language Choose(string? own, StringValues acceptLanguage)
    {
        var wanted = StringWithQualityHeaderValue.TryParseList(acceptLanguage, out var accepted)
            ? accepted.Where(value => value.Quality is not 0).OrderByDescending(value => value.Quality ?? 1)
                .Select(value => value.Value.ToString().Split('-')[0].ToLowerInvariant()) // ja-JP is ja
            : [];
        foreach (var code in own is null ? wanted : wanted.Prepend(own))
        {
            if (languages.Value.TryGetValue(code, out var language))
            {
                return language;
            }
        }

        return languages.Value[options.Value.Language];
    }

    public bool Has(string code) => languages.Value.ContainsKey(code);
}

/// <summary>One language. A text that it lacks is English.</summary>
/// <param name="Code">Such as <c>en</c> (BCP 47, the primary subtag alone).</param>
public sealed partial record Language(string Code, IReadOnlyDictionary<string, string> Texts)
{
    /// <summary>The language's own name for itself.</summary>
    public string Name => this["language"];

    /// <summary>The text of a key, which must exist.</summary>
    public string this[string key] => Find(key) ?? throw new InvalidOperationException($"No text has the key {key}");

    /// <summary>The text of a key, or null.</summary>
    public string? Find(string key) => Texts.GetValueOrDefault(key);

    /// <summary>The text of a key with its placeholders filled in.</summary>
    public string Format(string key, params IEnumerable<(string Name, object Value)> values) => Fill(this[key], values);

    /// <summary>
    /// What a use case says about a field, in this language. Use cases write English; the texts repeat it with numbers left out, so that a
    /// setting does not change the key.
    /// </summary>
    public string Fault(string label, string fault)
    {
        if (Find("fault: " + fault) is { } exact)
        {
            return Fill(exact, [("label", label)]);
        }

        var numbers = Numbers().Matches(fault).Select((match, i) => (i.ToString(CultureInfo.InvariantCulture), (object)match.Value));
        var count = 0;
        var pattern = Find("fault: " + Numbers().Replace(fault, _ => string.Create(CultureInfo.InvariantCulture, $"{{{count++}}}")));
        return pattern is null ? $"{label}: {fault}" : Fill(pattern, numbers.Prepend(("label", label)));
    }

    private static string Fill(string text, IEnumerable<(string Name, object Value)> values) => values.Aggregate(
        text, (filled, value) => filled.Replace(
            $"{{{value.Name}}}", Convert.ToString(value.Value, CultureInfo.InvariantCulture), StringComparison.Ordinal));

    [GeneratedRegex("[0-9]+")]
    private static partial Regex Numbers();
}
