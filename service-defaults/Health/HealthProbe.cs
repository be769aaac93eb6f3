using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace AuthMesh.Health;

/// <summary>
/// The command for a container's health check: <c>./SERVICE health</c> asks the service in the same container whether it is ready. It works
/// in images that hold neither a shell nor curl.
/// </summary>
public static class HealthProbe
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(2); // a healthy service answers in milliseconds

    /// <summary>
    /// Asks <c>/health/ready</c> over loopback and prints the answer. Call it before anything is built, so that a probe costs little and
    /// needs no valid settings. It uses the first plain http address of <c>ASPNETCORE_URLS</c>, or else the first https address. Without
    /// these, it uses the first port of <c>ASPNETCORE_HTTP_PORTS</c> or <c>ASPNETCORE_HTTPS_PORTS</c>. It does not find an address that is
    /// set in any other way.
    /// </summary>
    /// <param name="args">The arguments of the process.</param>
    /// <param name="innerUrl">An address for probes, used instead of those of the service.</param>
    /// <returns>The exit code: 0 if the service is ready and 1 if it is not; null if the arguments ask for no probe.</returns>
    public static async Task<int?> RunAsync(string[] args, string? innerUrl = null)
    {
        if (args is not ["health"])
        {
            return null;
        }

        // No proxy: a proxy for the way out of the network does not lead to loopback.
        using var handler = new SocketsHttpHandler { UseProxy = false, SslOptions = AcceptOwnCertificate() };
        using var http = new HttpClient(handler) { Timeout = Timeout };
        var problem = "";
        foreach (var url in FindOrigins(innerUrl).Select(origin => new Uri($"{origin}/health/ready")))
        {
            try
            {
                using var answer = await http.GetAsync(url);
                Console.WriteLine(ReadMessage(await answer.Content.ReadAsStringAsync()) ?? $"{url} answers {(int)answer.StatusCode}");
                return answer.IsSuccessStatusCode ? 0 : 1;
            }
            catch (Exception exception) when (exception is HttpRequestException or SocketException or OperationCanceledException)
            {
                problem = problem.Length > 0 ? problem : $"{url} does not answer: {exception.GetBaseException().Message}";
            }
        }

        Console.WriteLine(problem);
        return 1;
    }

    /// <summary>The origins where the service may listen, in the order to try them.</summary>
    private static string[] FindOrigins(string? innerUrl)
    {
        if ((string.IsNullOrEmpty(innerUrl) ? Environment.GetEnvironmentVariable("ASPNETCORE_URLS") : innerUrl) is not { Length: > 0 } urls)
        {
            return Environment.GetEnvironmentVariable("ASPNETCORE_HTTP_PORTS") is { Length: > 0 } http
                ? OnLoopback("http", http.Split(';')[0])
                : Environment.GetEnvironmentVariable("ASPNETCORE_HTTPS_PORTS") is { Length: > 0 } https
                ? OnLoopback("https", https.Split(';')[0])
                : OnLoopback("http", "5000");
        }

        var addresses = urls.Split(';', StringSplitOptions.RemoveEmptyEntries).Select(BindingAddress.Parse).ToArray();
        var address = Array.Find(addresses, address => address.Scheme == Uri.UriSchemeHttp) ?? addresses[0];
        // For a name, + or *, Kestrel binds every address. The addresses 0.0.0.0 and [::] mean the same, and cannot be called.
        var isBoundAlone = IPAddress.TryParse(address.Host, out var ip) && !ip.Equals(IPAddress.Any) && !ip.Equals(IPAddress.IPv6Any);
        return isBoundAlone ? [$"{address.Scheme}://{address.Host}:{address.Port}"] : OnLoopback(address.Scheme, $"{address.Port}");
    }

    /// <summary>A host may have one of the two only, and 0.0.0.0 does not include ::1.</summary>
    private static string[] OnLoopback(string scheme, string port) => [$"{scheme}://127.0.0.1:{port}", $"{scheme}://[::1]:{port}"];

    // The certificate names the public host and not loopback. The probe sends no secret, and plain http would prove no more.
    private static SslClientAuthenticationOptions AcceptOwnCertificate() =>
        new() { RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null };

    private static string? ReadMessage(string body)
    {
        try
        {
            using var json = JsonDocument.Parse(body);
            return json.RootElement.GetProperty("message").GetString();
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return null; // something else listens there
        }
    }
}
