using AuthMesh.Identity.Pages;
using AuthMesh.Identity.Pages.Frame;
using AuthMesh.Settings;
using AuthMesh.Tests.Conventions.Documentation;

namespace AuthMesh.Tests.Pages;

/// <summary>Every language has every text.</summary>
[Collection<OnPages>]
public sealed partial class TextTests(PagesMesh mesh)
{
    private static readonly Dictionary<string, string> English = TextFolder.ReadOwn("en");

    [Fact]
    public void Each_language_has_the_same_keys_and_placeholders() => Assert.Equal(
        English.Select(text => (text.Key, string.Join(' ', TextFolder.Placeholders(text.Value)))),
        TextFolder.ReadOwn("ja").Select(text => (text.Key, string.Join(' ', TextFolder.Placeholders(text.Value)))));

    [Fact]
    public void Every_text_is_used_and_every_key_in_a_page_has_a_text()
    {
        var sources = SourceTree.Files.Where(path =>
            (path.StartsWith("identity-service/Pages/", StringComparison.Ordinal)
                || path.EndsWith("/Authorize.cs", StringComparison.Ordinal))
            && (path.EndsWith(".cshtml", StringComparison.Ordinal) || path.EndsWith(".cs", StringComparison.Ordinal)))
            .Select(SourceTree.Read).ToList();
        var code = string.Concat(sources);
        var used = Key().Matches(code).Select(match => match.Groups[1].Value).Distinct();

        Assert.DoesNotContain(used, key => !English.ContainsKey(key));
        Assert.DoesNotContain(
            English.Keys, key => !key.StartsWith("fault: ", StringComparison.Ordinal)
                && !key.StartsWith("error.", StringComparison.Ordinal) && !key.StartsWith("scope.", StringComparison.Ordinal)
                && !IsUsed(key));

        bool IsUsed(string key) => code.Contains($"\"{key}\"", StringComparison.Ordinal)
            || (key.StartsWith("field.", StringComparison.Ordinal) && code.Contains($"\"{key[6..]}\"", StringComparison.Ordinal))
            || (key.StartsWith("done.", StringComparison.Ordinal) && code.Contains($"\"{key[5..]}\"", StringComparison.Ordinal));
    }

    [Fact]
    public void Every_error_with_a_text_is_one_that_the_services_answer_with()
    {
        var code = string.Concat(SourceTree.ServiceCode.Select(file => file.Text));

        Assert.DoesNotContain(
            English.Keys,
            key => key.StartsWith("error.", StringComparison.Ordinal) && !code.Contains($"\"{key[6..]}\"", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(null, "en")]
    [InlineData("ja", "ja")]
    [InlineData("ja-JP,en;q=0.5", "ja")]
    [InlineData("fr, ja;q=0.3, en;q=0.8", "en")]
    [InlineData("JA", "ja")]
    [InlineData("ja;q=0, en", "en")]
    [InlineData("fr", "en")]
    [InlineData("*", "en")]
    [InlineData("nonsense;;;q=x,,", "en")]
    public async Task The_browsers_languages_choose_the_texts(string? accepted, string language)
    {
        var visitor = mesh.Visit();
        visitor.Language = accepted;

        var answer = await visitor.GetAsync("/signin");

        Assert.Contains($"<html lang=\"{language}\">", answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_accounts_own_language_wins()
    {
        var (visitor, _) = await mesh.SignUpAsync();
        visitor.Language = "en";
        Assert.Equal(303, (await visitor.PostAsync("/me", ("language", "ja"))).Status);

        var chosen = await visitor.GetAsync("/me");
        Assert.Contains("<html lang=\"ja\">", chosen.Text, StringComparison.Ordinal);
        Assert.Contains("プロフィール", chosen.Text, StringComparison.Ordinal);

        Assert.Equal(303, (await visitor.PostAsync("/me", ("language", ""))).Status);
        Assert.Contains("<html lang=\"en\">", (await visitor.GetAsync("/me")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_team_adds_a_language_and_replaces_single_texts()
    {
        var folder = Directory.CreateTempSubdirectory("authmesh-texts-").FullName;
        File.WriteAllText(Path.Combine(folder, "texts.de.json"), """{"language":"Deutsch","signin.heading":"Anmelden"}""");
        File.WriteAllText(Path.Combine(folder, "texts.en.json"), """{"signin.button":"Let me in"}""");

        Assert.Empty(TextFolder.FindFaults(folder, "de"));
        var languages = TextFolder.Read(folder).ToDictionary(language => language.Code);

        Assert.Equal(["de", "en", "ja"], languages.Keys.Order());
        Assert.Equal(("Anmelden", "Let me in"), (languages["de"]["signin.heading"], languages["de"]["signin.button"]));
        Assert.Equal(("Sign in", "Let me in"), (languages["en"]["signin.heading"], languages["en"]["signin.button"]));
        Assert.Equal("サインイン", languages["ja"]["signin.button"]);
        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("""{"no.such.key":"x"}""")]
    [InlineData("""{"signin.heading":7}""")]
    [InlineData("""{"profile.heading":"Hello"}""")]
    public void A_file_of_texts_that_does_not_fit_keeps_the_service_from_starting(string content)
    {
        var folder = Directory.CreateTempSubdirectory("authmesh-texts-").FullName;
        File.WriteAllText(Path.Combine(folder, "texts.de.json"), content);
        var problems = new SettingProblems("Identity");

        new PageOptions { Texts = folder }.Check(problems);

        Assert.StartsWith("Identity:Pages:Texts has texts.de.json, ", Assert.Single(problems.Result.Failures!), StringComparison.Ordinal);
        Directory.Delete(folder, recursive: true);
    }

    [System.Text.RegularExpressions.GeneratedRegex("""(?:\bT\(|[lL]anguage\[|Format\()"([a-z_.-]+)"[,)\]]""")]
    private static partial System.Text.RegularExpressions.Regex Key();
}
