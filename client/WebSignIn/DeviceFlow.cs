using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.WebSignIn;

/// <summary>Signs in by a code that the user types into a browser, here or on another device (RFC 8628).</summary>
internal static class DeviceFlow
{
    private const string Grant = "urn:ietf:params:oauth:grant-type:device_code";

    private const int MoreSeconds = 5; // RFC 8628 §3.5

    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);

    /// <param name="invocation">Names the server.</param>
    /// <param name="call">Calls it as the application.</param>
    /// <param name="scopes">What the application asks for.</param>
    /// <param name="opensBrowser">Whether to open the address as well.</param>
    /// <param name="cancellation">Ctrl-C.</param>
    /// <returns>The answer with the tokens, and when they were asked for.</returns>
    public static async Task<(Answer Answer, DateTimeOffset SentAt)> RunAsync(
        Invocation invocation, ProtocolCall call, string scopes, bool opensBrowser, CancellationToken cancellation)
    {
        var beganAt = TimeProvider.System.GetUtcNow();
        var code = (await call.SendAsync("/device_authorization", [("scope", scopes)], cancellation)).Read(ClientJson.Default.DeviceCode);
        var complete = code.VerificationUriComplete is null ? null : ProtocolCall.Web(code.VerificationUriComplete);
        invocation.Output.Note("Open this address in a browser, here or on another device:");
        invocation.Output.Note($"  {ProtocolCall.Web(code.VerificationUri)}");
        invocation.Output.Note("and enter the code:");
        invocation.Output.Note($"  {code.UserCode}");
        if (opensBrowser && complete is not null && await DesktopBrowser.TryOpenAsync(complete, cancellation))
        {
            invocation.Output.Note("A browser has opened with the code filled in. Allow it only if the codes are the same.");
        }

        invocation.Output.Note($"Waiting for {TimeSpan.FromSeconds(code.ExpiresIn).TotalMinutes:0} minutes. Ctrl-C ends it.");
        return await WaitAsync(call, code, beganAt.AddSeconds(code.ExpiresIn), cancellation);
    }

    private static async Task<(Answer Answer, DateTimeOffset SentAt)> WaitAsync(
        ProtocolCall call, DeviceCode code, DateTimeOffset endsAt, CancellationToken cancellation)
    {
        var pause = TimeSpan.FromSeconds(Math.Max(1, code.Interval));
        while (TimeProvider.System.GetUtcNow() is var now && now < endsAt)
        {
            await Task.Delay(pause, cancellation);
            var sentAt = TimeProvider.System.GetUtcNow();
            if (await AskAsync(call, code, cancellation) is not { } answer)
            {
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause; // §3.5, of a server that does not answer
                continue;
            }

            switch (answer.Fields.Code)
            {
                case "authorization_pending":
                    break;
                case "slow_down":
                    pause += TimeSpan.FromSeconds(MoreSeconds);
                    break;
                case "access_denied":
                    throw new CommandFailure(ExitCode.Refused, "access_denied", "You refused the sign-in in the browser")
                    {
                        Answer = answer.Body,
                    };
                case "expired_token":
                    throw Expired();
                default:
                    return (call.Accepted(answer), sentAt);
            }
        }

        throw Expired();
    }

    // A server that is away for a moment ends nothing, because the user may be about to press the button.
    private static async Task<Answer?> AskAsync(ProtocolCall call, DeviceCode code, CancellationToken cancellation)
    {
        try
        {
            var answer = await call.TrySendAsync(ProtocolCall.Token, [("grant_type", Grant), ("device_code", code.Code)], cancellation);
            return answer.Status is 429 or >= 500 ? null : answer;
        }
        catch (CommandFailure noAnswer) when (noAnswer.ExitCode == ExitCode.Unavailable)
        {
            return null;
        }
    }

    private static CommandFailure Expired() => new(
        ExitCode.NotSignedIn, "expired_token", "Nobody allowed the sign-in in time", "begin again: authmesh login --web");
}
