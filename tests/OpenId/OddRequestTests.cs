using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using AuthMesh.Tests.Applications;
using AuthMesh.Tests.Conventions.Documentation;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Pages;

namespace AuthMesh.Tests.OpenId;

/// <summary>
/// The table of odd requests, which OpenIddict 7.8 answered once: see <c>Fixtures/README.md</c>. Our answers stand beside its own, and
/// docs/openid-differences.md explains each row in which they differ.
/// </summary>
public sealed partial class OddRequestTests(ProductionMesh mesh)
{
    private const string
        Challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", Verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

    private static readonly JsonElement Table = Read("odd-requests"), Theirs = Read("openiddict-7.8"), Ours = Read("authmesh");

    private readonly Dictionary<string, RegisteredClient> clients = [];

    [Fact]
    public async Task Each_odd_request_gets_its_answer()
    {
        await RegisterAsync();
        var answers = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var row in Table.GetProperty("requests").EnumerateArray())
        {
            answers[row.GetProperty("name").GetString()!] = await AskAsync(row);
        }

        var expected = Ours.EnumerateObject().ToDictionary(answer => answer.Name, answer => answer.Value.GetString());
        Assert.Equal(
            answers.Select(answer => $"{answer.Key}: {expected.GetValueOrDefault(answer.Key)}"),
            answers.Select(answer => $"{answer.Key}: {answer.Value}"));
        Assert.Equal(answers.Keys, expected.Keys.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_documentation_explains_each_row_in_which_OpenIddict_answers_otherwise() => Assert.Equal(
        Ours.EnumerateObject().Where(ours => Describe(Theirs.GetProperty(ours.Name)) != ours.Value.GetString())
            .Select(ours => ours.Name).Order(StringComparer.Ordinal),
        SourceTree.Read("docs/openid-differences.md").Split('\n')
            .Where(line => line.StartsWith("- `", StringComparison.Ordinal)).Select(line => line[3..].Split('`')[0])
            .Order(StringComparer.Ordinal));

    private static JsonElement Read(string name) => JsonElement.Parse(SourceTree.Read($"tests/OpenId/Fixtures/{name}.json"));

    // The fixture's form, in words.
    private static string Describe(JsonElement answer)
    {
        var status = answer.GetProperty("status").GetInt32();
        var words = new List<string> { status is 302 or 303 ? "redirect" : $"{status}" };
        foreach (var member in (string[])["to", "in", "error", "scheme", "active", "gives"])
        {
            if (answer.TryGetProperty(member, out var value) && !(member == "gives" && answer.TryGetProperty("error", out _)))
            {
                words.Add(member is "active" ? (value.GetBoolean() ? "active" : "inactive") : value.GetString()!);
            }
        }

        return string.Join(' ', words);
    }

    private async Task RegisterAsync()
    {
        var admin = await mesh.AdminTokenAsync();
        foreach (var client in Table.GetProperty("clients").EnumerateArray())
        {
            var name = client.GetProperty("client_id").GetString()!;
            var isPublic = client.TryGetProperty("public", out var value) && value.GetBoolean();
            clients[name] = name == "service"
                ? await RegisterServiceAsync(admin)
                : (await mesh.Gateway.AddClientAsync(
                    admin, isPublic ? "spa" : "web",
                    new
                    {
                        client_id = name,
                        redirect_uris = (string[])[client.GetProperty("redirect_uri").GetString()!],
                        post_logout_redirect_uris = (string[])[client.GetProperty("post_logout_redirect_uri").GetString()!],
                        audiences = (string[])["https://orders.example"],
                        grants = (string[])["authorization_code", "refresh_token", .. isPublic ? [] : (string[])[DeviceCalls.Grant]],
                    },
                    ["openid", "profile", "email", "orders.read", "offline_access"])) with
                { ClientId = name };
        }
    }

    private async Task<RegisteredClient> RegisterServiceAsync(string admin)
    {
        var answer = await mesh.Gateway.CreateApplicationAsync(admin, "service", "orders.read");
        Assert.True(answer.Status == 201, answer.ToString());
        return new(Guid.Empty, "service", answer.Member("client_secret"), "");
    }

    private async Task<string> AskAsync(JsonElement row)
    {
        var values = new Dictionary<string, string>();
        var visitor = new Lazy<Task<Visitor>>(VisitAsync);
        var before = new List<Answer>();
        foreach (var earlier in row.TryGetProperty("before", out var requests) ? requests.EnumerateArray() : default)
        {
            before.Add(await SendAsync(earlier, values, before, visitor));
        }

        return Describe(await SendAsync(row, values, before, visitor));
    }

    // Alice signed in five minutes before.
    private async Task<Visitor> VisitAsync()
    {
        var (visitor, username) = await mesh.VisitSignedInAsync();
        await mesh.Database.ExecuteAsync(
            """
            UPDATE sessions s SET methods = jsonb_build_object('pwd', floor(extract(epoch FROM now()))::bigint - 300)
            FROM users u WHERE u.id = s.user_id AND u.username = $1
            """,
            username);
        return visitor;
    }

    private async Task<Answer> SendAsync(
        JsonElement row, Dictionary<string, string> values, List<Answer> before, Lazy<Task<Visitor>> visitor)
    {
        var query = await FillAsync(row, "query");
        var form = await FillAsync(row, "form");
        var headers = new List<(string Name, string Value)>();
        foreach (var header in row.TryGetProperty("headers", out var pairs) ? pairs.EnumerateArray() : default)
        {
            headers.Add((header[0].GetString()!, await FillTextAsync(header[1].GetString()!)));
        }

        var method = new HttpMethod(row.GetProperty("method").GetString()!);
        var path = row.GetProperty("endpoint").GetString()! + (query is null ? "" : "?" + CodeFlow.Query(query));
        var text = form is null ? row.TryGetProperty("body", out var body) ? body.GetString() : null : CodeFlow.Query(form);
        if (row.TryGetProperty("user", out _) || (method == HttpMethod.Get && path.StartsWith("/end-session", StringComparison.Ordinal)))
        {
            var person = row.TryGetProperty("user", out _) ? await visitor.Value : new Visitor(mesh.Gateway, ProductionMesh.Issuer);
            var answer = method == HttpMethod.Get ? await person.GetAsync(path) : await person.PostRawAsync(path, text ?? "");
            return answer.Status == 303 && answer.Header("Location")!.StartsWith("/authorize?", StringComparison.Ordinal)
                ? await person.GetAsync(answer.Header("Location")!) // a form of another site comes back by an address
                : answer;
        }

        return await mesh.Gateway.SendAsync(method, path, Content(text, headers), request =>
        {
            foreach (var (name, value) in headers.Where(header => header.Name != "Content-Type"))
            {
                request.Headers.TryAddWithoutValidation(name, value);
            }
        });

        async Task<List<(string, string)>?> FillAsync(JsonElement of, string member)
        {
            if (!of.TryGetProperty(member, out var parameters))
            {
                return null;
            }

            var filled = new List<(string, string)>();
            foreach (var parameter in parameters.EnumerateArray())
            {
                filled.Add((parameter[0].GetString()!, await FillTextAsync(parameter[1].GetString()!)));
            }

            return filled;
        }

        async Task<string> FillTextAsync(string pattern)
        {
            foreach (Match match in Placeholder().Matches(pattern))
            {
                if (!values.TryGetValue(match.Value, out var value))
                {
                    values[match.Value] = value = await MakeAsync(match.Groups[1].Value.Split(':'), values, before);
                }

                pattern = pattern.Replace(match.Value, value, StringComparison.Ordinal);
            }

            return pattern;
        }
    }

    private static StringContent? Content(string? text, List<(string Name, string Value)> headers)
    {
        if (text is null)
        {
            return null;
        }

        var type = headers.FirstOrDefault(header => header.Name == "Content-Type").Value ?? "application/x-www-form-urlencoded";
        return new StringContent(text, Encoding.UTF8) { Headers = { ContentType = MediaTypeHeaderValue.Parse(type) } };
    }

    private async Task<string> MakeAsync(string[] words, Dictionary<string, string> values, List<Answer> before)
    {
        switch (words)
        {
            case ["verifier"]:
                return Verifier;
            case ["challenge"]:
                return Challenge;
            case ["text", var length]:
                return new string('a', int.Parse(length, CultureInfo.InvariantCulture));
            case ["secret", var name]:
                return clients[name].Secret!;
            case ["basic", var name]:
                return Convert.ToBase64String(Encoding.UTF8.GetBytes($"{name}:{clients[name].Secret}"));
            case ["basic", var name, var secret]:
                return Convert.ToBase64String(Encoding.UTF8.GetBytes($"{name}:{secret}"));
            case ["before", var number, var field]:
                return before[int.Parse(number, CultureInfo.InvariantCulture) - 1].Member(field) ?? "";
            case ["code", var name]:
                return await CodeAsync(clients[name], "openid profile orders.read offline_access");
            case ["access_token", "service"]:
                return (await mesh.Gateway.TokenAsync(
                    [("grant_type", "client_credentials"), .. clients["service"].Credentials])).Member("access_token")!;
            case ["request_uri", var name]:
                var pushed = await mesh.Gateway.FormAsync(
                    "/par", [("response_type", "code"), ("redirect_uri", clients[name].RedirectUri), ("scope", "openid profile"),
                        ("state", "state-1"), ("nonce", "nonce-1"), ("code_challenge", Challenge), ("code_challenge_method", "S256"),
                        .. clients[name].Credentials]);
                return pushed.Member("request_uri")!;
            case ["access_token" or "refresh_token" or "id_token", var name, ..]:
                var scope = words is [_, _, var given] ? given : "openid profile orders.read offline_access";
                var client = clients[name];
                var tokens = await mesh.Gateway.TokenAsync(
                    [("grant_type", "authorization_code"), ("code", await CodeAsync(client, scope)), ("redirect_uri", client.RedirectUri),
                        ("code_verifier", Verifier), .. client.Credentials]);
                var suffix = words is [_, _, var asked] ? $"{name}:{asked}" : name;
                foreach (var token in (string[])["access_token", "refresh_token", "id_token"])
                {
                    values[$"{{{token}:{suffix}}}"] = tokens.Member(token) ?? "";
                }

                return values[$"{{{words[0]}:{suffix}}}"];
            case ["device_code" or "approved_device_code" or "denied_device_code", var name]:
                var begun = await mesh.Gateway.AuthorizeDeviceAsync(clients[name], "openid profile orders.read offline_access");
                if (begun.Status == 200 && words[0] is "approved_device_code" or "denied_device_code")
                {
                    var (person, _) = await mesh.VisitSignedInAsync();
                    await person.DecideAsync(begun, words[0] == "approved_device_code" ? "allow" : "refuse");
                }

                return begun.Member("device_code") ?? "";
            default:
                throw new InvalidOperationException($"Nothing makes {string.Join(':', words)}.");
        }
    }

    private async Task<string> CodeAsync(RegisteredClient client, string scope)
    {
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var flow = new CodeFlow(client, scope);
        var back = await visitor.GetAsync(flow.Path(("code_challenge", Challenge), ("state", null)));
        return back.LedBackTo(client.RedirectUri)["code"];
    }

    private static string Describe(Answer answer)
    {
        var words = new List<string> { answer.Status == 303 ? "redirect" : $"{answer.Status}" };
        var isPage = answer.ContentHeaders.ContentType?.MediaType == "text/html";
        var location = answer.Header("Location")
            ?? (isPage && answer.Text.Contains("content=\"0;url=", StringComparison.Ordinal)
                ? WebUtility.HtmlDecode(answer.Text.Split("content=\"0;url=")[1].Split('"')[0]) : null);
        var members = new List<(string Name, string? Value)>();
        if (location is not null && location.StartsWith("https://", StringComparison.Ordinal))
        {
            words[0] = "redirect";
            words.Add("client");
            members = [.. location.Split('?').ElementAtOrDefault(1)?.Split('&').Select(pair => pair.Split('='))
                .Select(pair => (pair[0], (string?)Uri.UnescapeDataString(pair[1]))) ?? []];
        }
        else if (location is not null)
        {
            words.Add(location.StartsWith("/signin", StringComparison.Ordinal) ? "sign-in" : "page");
        }
        else if (isPage && answer.Text.Contains("data-send", StringComparison.Ordinal)
            && answer.Text.Contains("action=\"https://", StringComparison.Ordinal))
        {
            words.AddRange(["client", "form_post"]);
            members = [.. Hidden().Matches(answer.Text).Select(match => (match.Groups[1].Value, (string?)match.Groups[2].Value))];
        }
        else if (isPage)
        {
            words.Add("page");
            words.AddRange(answer.Status == 400 ? ["invalid_request"] : []);
        }
        else if (answer.Text.Length > 0 && answer.ContentHeaders.ContentType?.MediaType == "application/json")
        {
            members = [.. answer.Json.EnumerateObject().Select(member => (member.Name, (string?)member.Value.ToString()))];
        }

        // Our errors have the members of the mesh, too.
        var error = members.FirstOrDefault(member => member.Name == "error").Value
            ?? members.FirstOrDefault(member => member.Name == "code" && answer.Status >= 400).Value;
        var scheme = answer.Header("WWW-Authenticate")?.Split(' ')[0];
        var isUnsaid = scheme == "Bearer" && !answer.Header("WWW-Authenticate")!.Contains("error=", StringComparison.Ordinal);
        words.AddRange(error is null || isUnsaid ? [] : [error]);
        words.AddRange(scheme is null ? [] : [scheme]);
        if (members.FirstOrDefault(member => member.Name == "active").Value is { } active)
        {
            words.Add(active == "True" ? "active" : "inactive");
        }
        else if (error is null && answer.Status < 400 && members.Count > 0)
        {
            words.Add(string.Join(' ', members.Select(member => member.Name)
                .Except(["refresh_expires_in"]) // a member of our own
                .Order(StringComparer.Ordinal)));
        }

        return string.Join(' ', words);
    }

    [GeneratedRegex(@"\{([a-z_]+(?::[^{}]*)?)\}")]
    private static partial Regex Placeholder();

    [GeneratedRegex("<input type=\"hidden\" name=\"([a-z_]+)\" value=\"([^\"]*)\">")]
    private static partial Regex Hidden();
}
