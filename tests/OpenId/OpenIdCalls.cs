using System.Buffers.Text;
using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using AuthMesh.Tests.Applications;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Pages;

namespace AuthMesh.Tests.OpenId;

/// <summary>An application that signs users in.</summary>
public sealed record RegisteredClient(Guid Id, string ClientId, string? Secret, string RedirectUri)
{
    public const string Callback = "https://app.example/callback", SignedOut = "https://app.example/signed-out";

    /// <summary>How the application authenticates in a form.</summary>
    public (string, string)[] Credentials =>
        Secret is null ? [("client_id", ClientId)] : [("client_id", ClientId), ("client_secret", Secret)];
}

/// <summary>One sign-in of an application: what it keeps between the request and the callback.</summary>
public sealed record CodeFlow(RegisteredClient Client, string Scope = "openid profile email")
{
    public string Verifier { get; } = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));

    public string State { get; } = "state " + Guid.NewGuid().ToString("N");

    public string Nonce { get; } = Guid.NewGuid().ToString("N");

    public (string Name, string Value)[] Parameters =>
    [
        ("client_id", Client.ClientId), ("redirect_uri", Client.RedirectUri), ("response_type", "code"), ("scope", Scope), ("state", State),
        ("nonce", Nonce), ("code_challenge", Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(Verifier)))),
        ("code_challenge_method", "S256"),
    ];

    /// <summary>The path of the request, with other values for some parameters; null leaves one out.</summary>
    public string Path(params (string Name, string? Value)[] changes) => "/authorize?" + Query(With(changes));

    public (string Name, string Value)[] With(params (string Name, string? Value)[] changes) =>
    [
        .. Parameters.Where(parameter => changes.All(change => change.Name != parameter.Name)),
        .. changes.Where(change => change.Value is not null).Select(change => (change.Name, change.Value!)),
    ];

    public static string Query(IEnumerable<(string Name, string Value)> parameters) =>
        string.Join('&', parameters.Select(parameter => $"{parameter.Name}={Uri.EscapeDataString(parameter.Value)}"));

    /// <summary>The form that redeems a code.</summary>
    public (string, string)[] Redemption(string code) =>
    [
        ("grant_type", "authorization_code"), ("code", code), ("redirect_uri", Client.RedirectUri), ("code_verifier", Verifier),
        .. Client.Credentials,
    ];
}

internal static class OpenIdCalls
{
    /// <summary>
    /// Registers an application, which must succeed. It is the team's own, and asks for no consent, unless the settings say otherwise.
    /// </summary>
    public static async Task<RegisteredClient> AddClientAsync(
        this Caller caller, string adminToken, string kind = "web", object? settings = null, string[]? scopes = null)
    {
        var clientId = $"{kind}-{Guid.NewGuid().ToString("N")[..12]}";
        var body = new Dictionary<string, object>
        {
            ["client_id"] = clientId, ["kind"] = kind, ["first_party"] = true, ["require_consent"] = false,
            ["scopes"] = scopes ?? ["openid", "profile", "email", "offline_access", "mesh", "account.read"],
            ["redirect_uris"] = (string[])[RegisteredClient.Callback],
            ["post_logout_redirect_uris"] = (string[])[RegisteredClient.SignedOut],
        };
        foreach (var property in settings?.GetType().GetProperties() ?? [])
        {
            body[property.Name] = property.GetValue(settings)!;
        }

        var answer = await caller.SendAsync(
            HttpMethod.Post, "/applications", JsonContent.Create(body),
            request => request.Headers.Authorization = new("Bearer", adminToken));
        Assert.True(answer.Status == 201, answer.ToString());
        return new(
            answer.Json.GetProperty("application").GetProperty("id").GetGuid(), clientId, answer.Member("client_secret"),
            ((string[])body["redirect_uris"])[0]);
    }

    /// <summary>A person who has just signed up at the production mesh.</summary>
    public static async Task<(Visitor Visitor, string Username)> VisitSignedInAsync(this ProductionMesh mesh)
    {
        var (visitor, username) = (new Visitor(mesh.Gateway, ProductionMesh.Issuer), ProductionMesh.NewName());
        var answer = await visitor.PostAsync("/signup", ("username", username), ("password", PagesMesh.Password));
        Assert.True(answer.Status == 303, answer.ToString());
        return (visitor, username);
    }

    /// <summary>Signs the person out and somebody else up, in the same browser.</summary>
    /// <returns>Who is signed in now.</returns>
    public static async Task<string> BecomeAnotherAsync(this Visitor visitor)
    {
        var username = ProductionMesh.NewName();
        Assert.Equal(303, (await visitor.PostAsync("/signout")).Status);
        Assert.Equal(303, (await visitor.PostAsync("/signup", ("username", username), ("password", PagesMesh.Password))).Status);
        return username;
    }

    /// <summary>The parameters of a redirect or of a page that goes on, which must lead to the address.</summary>
    public static Dictionary<string, string> LedBackTo(this Answer answer, string redirectUri)
    {
        var location = answer.Status == 303
            ? answer.Header("Location")!
            : WebUtility.HtmlDecode(answer.Text.Split("content=\"0;url=")[1].Split('"')[0]);
        Assert.StartsWith(redirectUri + "?", location, StringComparison.Ordinal);
        return location[(redirectUri.Length + 1)..].Split('&').Select(pair => pair.Split('='))
            .ToDictionary(pair => pair[0], pair => Uri.UnescapeDataString(pair[1]));
    }

    /// <summary>Asks for a code as a signed-in visitor, which must succeed.</summary>
    public static async Task<string> CodeAsync(this Visitor visitor, CodeFlow flow)
    {
        var back = (await visitor.GetAsync(flow.Path())).LedBackTo(flow.Client.RedirectUri);
        Assert.Equal((flow.State, ProductionMesh.Issuer), (back.GetValueOrDefault("state"), back.GetValueOrDefault("iss")));
        return back["code"];
    }

    /// <summary>Signs a visitor in at an application, which must succeed.</summary>
    public static async Task<Answer> SignInAtAsync(this Visitor visitor, Caller caller, CodeFlow flow)
    {
        var answer = await caller.TokenAsync(flow.Redemption(await visitor.CodeAsync(flow)));
        Assert.True(answer.Status == 200, answer.ToString());
        return answer;
    }

    public static Task<Answer> RefreshAtAsync(
        this Caller caller, RegisteredClient client, string refreshToken, params (string, string)[] more) =>
        caller.TokenAsync([("grant_type", "refresh_token"), ("refresh_token", refreshToken), .. client.Credentials, .. more]);

    public static Task<Answer> FormAsync(this Caller caller, string path, params (string Name, string Value)[] form) => caller.SendAsync(
        HttpMethod.Post, path, new FormUrlEncodedContent(form.Select(field => KeyValuePair.Create(field.Name, field.Value))));
}
