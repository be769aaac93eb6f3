using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AuthMesh.Bench.OpenId;
using AuthMesh.LocalMesh;

namespace AuthMesh.Bench.Revocations;

/// <summary>Makes applications whose tokens are revoked: each one's own, so that an end of the application ends one victim.</summary>
internal sealed class ApplicationVictims(Uri gateway, ServiceProcess identity) : IDisposable
{
    private const string Redirect = "https://app.example/callback";

    private readonly HttpClient http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, UseProxy = false });

    /// <summary>Signs the user of another session in at a new application, which gets the user's rights in every service.</summary>
    public async Task<SignIn> SignInAsync(SignIn user)
    {
        var (admin, id, clientId, secret) = await CreateAsync(new
        {
            client_id = NewName(), kind = "web", first_party = true, require_consent = false,
            scopes = (string[])["openid", "mesh", "account.read"], redirect_uris = (string[])[Redirect],
        });
        using var ask = new HttpRequestMessage(
            HttpMethod.Get,
            new Uri(identity.Address, $"/authorize?response_type=code&client_id={clientId}&redirect_uri={Uri.EscapeDataString(Redirect)}"
                + $"&scope=openid%20mesh%20account.read&code_challenge={Pkce.Challenge}&code_challenge_method=S256&state=s"));
        ask.Headers.Authorization = new("Bearer", user.OtherToken); // as the gateway passes a session cookie on
        using var answer = await http.SendAsync(ask);
        var code = answer.Headers.Location?.Query.TrimStart('?').Split('&')
            .FirstOrDefault(pair => pair.StartsWith("code=", StringComparison.Ordinal))
            ?? throw new InvalidOperationException($"/authorize answered {(int)answer.StatusCode} and no code.");
        var tokens = await TokenAsync(
            ("grant_type", "authorization_code"), ("code", Uri.UnescapeDataString(code["code=".Length..])), ("redirect_uri", Redirect),
            ("code_verifier", Pkce.Verifier), ("client_id", clientId), ("client_secret", secret));
        return user with
        {
            Token = tokens.GetProperty("access_token").GetString()!,
            Cookie = "",
            AdminToken = admin,
            ApplicationId = id,
        };
    }

    /// <summary>Creates an application that calls in its own name.</summary>
    public async Task<SignIn> StartServiceAsync(SignIn user)
    {
        var (admin, id, clientId, secret) = await CreateAsync(
            new { client_id = NewName(), kind = "service", scopes = (string[])["stock.read"] });
        var tokens = await TokenAsync(("grant_type", "client_credentials"), ("client_id", clientId), ("client_secret", secret));
        return user with
        {
            Token = tokens.GetProperty("access_token").GetString()!,
            Cookie = "",
            AdminToken = admin,
            ApplicationId = id,
            Path = "/stock",
        };
    }

    public void Dispose() => http.Dispose();

    private static string NewName() => "bench-" + Guid.NewGuid().ToString("N")[..12];

    private async Task<(string AdminToken, string Id, string ClientId, string Secret)> CreateAsync(object settings)
    {
        using var caller = new Caller(gateway);
        // Anew each time: changes of applications demand a sign-in within the last ten minutes.
        var (signedIn, _) = await caller.PostAsync("/login", new { username = "admin", password = "admin123" });
        var token = signedIn.GetProperty("token").GetString()!;
        var made = await caller.ReadAsync(HttpMethod.Post, "/applications", settings, ("Authorization", "Bearer " + token));
        var application = made.GetProperty("application");
        return (token, application.GetProperty("id").GetString()!, application.GetProperty("client_id").GetString()!,
            made.GetProperty("client_secret").GetString()!);
    }

    private async Task<JsonElement> TokenAsync(params (string Name, string Value)[] form)
    {
        using var content = new FormUrlEncodedContent(form.Select(field => KeyValuePair.Create(field.Name, field.Value)));
        using var answer = await http.PostAsync(new Uri(gateway, "/token"), content);
        return answer.StatusCode == HttpStatusCode.OK
            ? await answer.Content.ReadFromJsonAsync<JsonElement>()
            : throw new InvalidOperationException($"/token answered {(int)answer.StatusCode}: {await answer.Content.ReadAsStringAsync()}");
    }
}
