using System.Net.Http.Json;
using System.Text.Json;
using AuthMesh.TestMesh;

namespace AuthMesh.Bench;

/// <summary>Sessions from ordinary logins at the gateway, with their access tokens and cookies.</summary>
internal sealed record SignedInUsers(IReadOnlyList<string> Tokens, IReadOnlyList<string> Cookies)
{
    private const int SessionsEach = 50; // a user has 100 at most
    private const int AtATime = 4;

    /// <param name="gateway">The gateway of a mesh with <see cref="Unthrottled.Settings"/> and an https issuer.</param>
    /// <param name="count">The number of sessions.</param>
    public static async Task<SignedInUsers> CreateAsync(Uri gateway, int count)
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseCookies = false, UseProxy = false }) { BaseAddress = gateway };
        var answers = new (string Token, string Cookie)[count];
        await Parallel.ForAsync(
            0, (count + SessionsEach - 1) / SessionsEach, new ParallelOptions { MaxDegreeOfParallelism = AtATime },
            async (user, cancellation) =>
        {
            var credentials = new { username = $"bench-{Guid.NewGuid():N}", password = "a password for a benchmark" };
            using var registered = await http.PostAsJsonAsync("/register", credentials, cancellation);
            registered.EnsureSuccessStatusCode();
            for (var session = user * SessionsEach; session < Math.Min(count, (user + 1) * SessionsEach); session++)
            {
                using var answer = await http.PostAsJsonAsync("/login", credentials, cancellation);
                answer.EnsureSuccessStatusCode();
                var body = await answer.Content.ReadFromJsonAsync<JsonElement>(cancellation);
                var cookie = answer.Headers.GetValues("Set-Cookie")
                    .First(value => value.StartsWith("__Host-authmesh=", StringComparison.Ordinal));
                answers[session] = (body.GetProperty("token").GetString()!, cookie.Split(';')[0]);
            }
        });
        return new SignedInUsers([.. answers.Select(answer => answer.Token)], [.. answers.Select(answer => answer.Cookie)]);
    }

    /// <summary>Creates a key with the scope <c>mesh</c> for each session. A user has 50 at most, as many as sessions here.</summary>
    public async Task<IReadOnlyList<string>> CreateKeysAsync(Uri gateway)
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseCookies = false, UseProxy = false }) { BaseAddress = gateway };
        var keys = new string[Tokens.Count];
        await Parallel.ForAsync(0, keys.Length, new ParallelOptions { MaxDegreeOfParallelism = AtATime }, async (i, cancellation) =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/account/keys")
            {
                Content = JsonContent.Create(new { name = $"key {i}", scopes = (string[])["mesh"] }),
            };
            request.Headers.Authorization = new("Bearer", Tokens[i]);
            using var answer = await http.SendAsync(request, cancellation);
            answer.EnsureSuccessStatusCode();
            keys[i] = (await answer.Content.ReadFromJsonAsync<JsonElement>(cancellation)).GetProperty("key").GetString()!;
        });
        return keys;
    }
}
