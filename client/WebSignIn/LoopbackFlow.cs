using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.WebSignIn;

/// <summary>Signs in by the browser of this desktop, which leads back to a port of this program (RFC 8252 §7.3).</summary>
internal static class LoopbackFlow
{
    /// <summary>The address that the application registers. Any port of it counts.</summary>
    public const string RegisteredUri = "http://127.0.0.1/callback";

    private const int RandomBytes = 32;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    /// <returns>The answer with the tokens and when they were asked for; null if the device flow has to do it.</returns>
    public static async Task<(Answer Answer, DateTimeOffset SentAt)?> TryRunAsync(
        Invocation invocation, ProtocolCall call, string scopes, CancellationToken cancellation)
    {
        var server = await call.DescribeAsync(cancellation);
        if (server is not { AuthorizationEndpoint: not null, PushedAuthorizationRequestEndpoint: not null }
            || LoopbackListener.TryStart() is not { } listener)
        {
            return null;
        }

        await using (listener)
        {
            // 1. Push the request, so that a wrong one fails here and not in the browser (RFC 9126).
            var (verifier, state) = (CreateRandom(), CreateRandom());
            var pushed = await call.TrySendAsync(
                "/par",
                [
                    ("response_type", "code"), ("redirect_uri", listener.Address), ("scope", scopes), ("state", state),
                    ("code_challenge", Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(verifier)))),
                    ("code_challenge_method", "S256"),
                ],
                cancellation);
            if (pushed.Fields.Code is "invalid_request" or "unauthorized_client")
            {
                return null; // the application has not registered the address
            }

            // 2. Send the user there.
            var requestUri = call.Accepted(pushed).Read(ClientJson.Default.PushedRequest).RequestUri;
            var address = ProtocolCall.Web(server.AuthorizationEndpoint)
                + $"?client_id={Uri.EscapeDataString(call.ClientId)}&request_uri={Uri.EscapeDataString(requestUri)}";
            if (!await DesktopBrowser.TryOpenAsync(address, cancellation))
            {
                return null;
            }

            invocation.Output.Note($"Sign in to {server.Issuer} in the browser that has opened. Ctrl-C ends the wait.");
            invocation.Output.Note("No browser? authmesh login --device");

            // 3. Wait until the browser is back.
            var back = await WaitAsync(listener, state, cancellation);
            if (back.GetValueOrDefault("iss") != server.Issuer)
            {
                // RFC 9207: another server has answered, which must not get the code.
                throw CommandFailure.Unexpected("Another server than this one answered in the browser", Answer.WrongServerHint);
            }

            if (back.GetValueOrDefault("error") is { } error)
            {
                throw new CommandFailure(
                    ExitCode.Refused, error, back.GetValueOrDefault("error_description") ?? "The sign-in in the browser failed",
                    "try again: authmesh login --web");
            }

            // 4. Get the tokens.
            var sentAt = TimeProvider.System.GetUtcNow();
            return (await call.SendAsync(
                ProtocolCall.Token,
                [
                    ("grant_type", "authorization_code"), ("code", back.GetValueOrDefault("code") ?? ""),
                    ("redirect_uri", listener.Address), ("code_verifier", verifier),
                ],
                cancellation), sentAt);
        }
    }

    private static async Task<IReadOnlyDictionary<string, string>> WaitAsync(
        LoopbackListener listener, string state, CancellationToken cancellation)
    {
        try
        {
            return await listener.Find(parameters => parameters.GetValueOrDefault("state") == state).WaitAsync(Patience, cancellation);
        }
        catch (TimeoutException)
        {
            throw new CommandFailure(
                ExitCode.NotSignedIn, "expired_token", $"The browser did not come back within {Patience.TotalMinutes:0} minutes",
                "try again, or use another device: authmesh login --device");
        }
    }

    private static string CreateRandom() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(RandomBytes));
}
