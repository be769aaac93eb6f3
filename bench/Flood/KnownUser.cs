using System.Net;
using System.Net.Http.Json;

namespace AuthMesh.Bench.Flood;

/// <summary>A user whose device keeps its cookies, and who signs in again during the flood.</summary>
internal sealed class KnownUser : IDisposable
{
    private readonly object credentials =
        new { username = "known-" + Guid.NewGuid().ToString("N")[..12], password = "a password for a benchmark" };
    private readonly CookieContainer cookies = new();
    private readonly HttpClient http;

    private KnownUser(Uri gateway) =>
        http = new HttpClient(new SocketsHttpHandler { UseProxy = false, CookieContainer = cookies }) { BaseAddress = gateway };

    /// <summary>Whether the mesh gave the device a device cookie.</summary>
    public bool IsKnown => cookies.GetAllCookies().Any(cookie => cookie.Name.Contains("authmesh-device", StringComparison.Ordinal));

    public static async Task<KnownUser> CreateAsync(Uri gateway)
    {
        var user = new KnownUser(gateway);
        using var registered = await user.http.PostAsJsonAsync("/register", user.credentials);
        registered.EnsureSuccessStatusCode();
        using var signedIn = await user.http.PostAsJsonAsync("/login", user.credentials);
        signedIn.EnsureSuccessStatusCode();
        return user;
    }

    /// <returns>The number of successful sign-ins.</returns>
    public async Task<int> SignInAsync(int times)
    {
        var successes = 0;
        for (var i = 0; i < times; i++)
        {
            using var answer = await http.PostAsJsonAsync("/login", credentials);
            successes += answer.StatusCode == HttpStatusCode.OK ? 1 : 0;
        }

        return successes;
    }

    public void Dispose() => http.Dispose();
}
