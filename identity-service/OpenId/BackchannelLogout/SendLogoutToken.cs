using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using AuthMesh.Identity.Keys;

namespace AuthMesh.Identity.OpenId.BackchannelLogout;

/// <summary>Tells an application of the end of a session, once (OpenID Connect Back-Channel Logout 1.0 §2.5).</summary>
internal sealed class SendLogoutToken(LogoutTokens tokens, LogoutConnections connections, TimeProvider clock) : IDisposable
{
    private static readonly TimeSpan LongestTry = TimeSpan.FromSeconds(5); // far below the lease

    private readonly HttpMessageInvoker http = connections.CreateClient();

    /// <returns>Why the application has not taken the token; null if it has.</returns>
    public async Task<string?> RunAsync(LeasedLogout logout)
    {
        // The registry checked it, but an operator may have written another one into the table.
        if (!Uri.TryCreate(logout.Address, UriKind.Absolute, out var address) || address.Scheme is not ("https" or "http"))
        {
            return "it has no usable address";
        }

        using var limit = new CancellationTokenSource(LongestTry, clock);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, address)
            {
                Content = new FormUrlEncodedContent([KeyValuePair.Create("logout_token", tokens.Mint(logout))]),
                Headers = { CacheControl = new CacheControlHeaderValue { NoStore = true } },
            };
            using var response = await http.SendAsync(request, limit.Token);
            return response.StatusCode is HttpStatusCode.OK or HttpStatusCode.NoContent ? null : $"it answers {(int)response.StatusCode}";
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested)
        {
            return $"no answer within {LongestTry.TotalSeconds:0} s";
        }
        catch (CannotSignException)
        {
            return "no key can sign";
        }
        catch (Exception exception) when (exception is HttpRequestException or SocketException or IOException)
        {
            return Explain(exception);
        }
    }

    public void Dispose() => http.Dispose();

    // The outer messages point to the inner ones. What an application sends may stand in them.
    private static string Explain(Exception exception)
    {
        var reason = exception.GetBaseException().Message;
        return reason.Length > 300 ? reason[..300] : reason;
    }
}
