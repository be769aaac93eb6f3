using System.Text.Json;
using AuthMesh.Tests.Gateway;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Logs;

/// <summary>What a verifier logs about itself and about the requests that it refuses. Its log is JSON, at every level.</summary>
public sealed class EvidenceTests(EvidenceTests.Verbose verbose) : IClassFixture<EvidenceTests.Verbose>
{
    private LoneGateway Gateway => verbose.Gateway;

    [Theory]
    [InlineData("GET", "/protected", null, 401, "missing_token")]
    [InlineData("GET", "/protected", "junk", 401, "invalid_token")]
    [InlineData("GET", "/no-such-path", null, 404, "not_found")]
    [InlineData("DELETE", "/protected", null, 405, "method_not_allowed")]
    public async Task The_service_that_answers_an_error_logs_its_trace_id(
        string method, string path, string? token, int status, string code)
    {
        var answer = await Gateway.Caller.SendAsync(new HttpMethod(method), path, change: request =>
        {
            if (token is not null)
            {
                request.Headers.Add("Authorization", "Bearer " + token);
            }
        });

        answer.AssertError(status, code);
        var entry = await Patience.UntilAsync(
            () => Task.FromResult(Entries().FirstOrDefault(
                entry => Text(entry, "traceId") == answer.Member("traceId") && Text(entry, "category") == "AuthMesh.Errors.AnswerLog")),
            entry => entry.ValueKind == JsonValueKind.Object);
        Assert.StartsWith($"Answered {status} {code}", Text(entry, "message"), StringComparison.Ordinal);
        Assert.Matches("^[0-9a-f]{16}$", Text(entry, "spanId"));
        Assert.Equal(status, entry.GetProperty("fields").GetProperty("status").GetInt32());
    }

    [Fact]
    public async Task No_log_level_writes_a_requests_path_query_or_line_ends()
    {
        var secret = "s" + Guid.NewGuid().ToString("N");
        string[] paths =
        [
            $"/{secret}", $"/protected?access_token={secret}", $"/open/{secret}?x={secret}", $"/open/%0d%0a{secret}", $"/%0a{secret}%1b",
        ];
        foreach (var path in paths)
        {
            await Gateway.Caller.GetAsync(path);
            await Gateway.Caller.GetAsync(path, secret);
        }

        await RawHttp.SendAsync(Gateway.Caller.Address, $"GET /{secret} {secret} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        var last = await Gateway.Caller.GetAsync("/the-last"); // everything logged earlier is written by then
        await Patience.UntilAsync(() => Entries().Any(entry => Text(entry, "traceId") == last.Member("traceId")));

        Assert.All(
            Gateway.Log.Split('\n').Where(line => line.Contains(secret, StringComparison.Ordinal)),
            line => Assert.Fail($"The log holds what the URL held: {line}"));
        string[] members = ["time", "level", "category", "message"];
        Assert.All(Entries(), entry => Assert.All(members, member => Assert.NotEmpty(Text(entry, member)!)));
        Assert.Contains(Entries(), entry => Text(entry, "level") == "debug"); // the low levels are on
    }

    [Fact]
    public async Task A_verifier_whose_clock_is_20_seconds_behind_says_so_and_accepts_fresh_tokens()
    {
        Gateway.Identity.ClockOffset = TimeSpan.FromSeconds(20);
        var (_, claims) = Gateway.Identity.SignIn();

        await Patience.UntilAsync(() => Entries().Any(
            entry => Text(entry, "message")!.StartsWith("The clock here is 20 s behind the issuer's", StringComparison.Ordinal)));
        Assert.Equal(200, (await Gateway.Caller.GetAsync("/protected", SignedAt(20))).Status);
        (await Gateway.Caller.GetAsync("/protected", SignedAt(35))).AssertError(401, "invalid_token");

        string SignedAt(int secondsAhead)
        {
            claims["iat"] = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + secondsAhead;
            return Gateway.Identity.Sign(claims);
        }
    }

    [Fact]
    public async Task A_verifier_that_receives_an_unknown_revocation_kind_is_degraded_and_says_so()
    {
        await using var lone = new LoneGateway();
        await lone.InitializeAsync();
        Assert.Equal("Ready", (await lone.Caller.GetAsync("/health/ready")).Message);
        var (_, claims) = lone.Identity.SignIn();
        var token = lone.Identity.Sign(claims);

        lone.Identity.Tell("a-later-kind", new { subject = "something", epoch = 2 });

        var health = await Patience.UntilAsync(
            () => lone.Caller.GetAsync("/health/ready"), answer => answer.Text.Contains("degraded", StringComparison.Ordinal));
        Assert.Equal(200, health.Status);
        Assert.Equal("Ready, but degraded: this version does not know revocations of the kind a-later-kind", health.Message);
        await lone.UntilLoggedAsync("Revocations of the kind a-later-kind reach this service");
        Assert.Equal(200, (await lone.Caller.GetAsync("/protected", token)).Status); // OnStale is Accept, which chooses availability
        lone.Identity.Tell("session-ended", new { sid = claims["sid"]!.ToString() }); // the feed still works
        await lone.UntilRefusedAsync(token);
    }

    private IEnumerable<JsonElement> Entries() => Gateway.Log.Split('\n', StringSplitOptions.RemoveEmptyEntries)
        .SkipLast(Gateway.Log.EndsWith('\n') ? 0 : 1) // a line that is still being written
        .Select(line => JsonElement.Parse(line));

    private static string? Text(JsonElement entry, string member) => entry.TryGetProperty(member, out var value) ? value.GetString() : null;

    public sealed class Verbose : IAsyncLifetime
    {
        public LoneGateway Gateway { get; } = new(new()
        {
            ["Logging:Console:FormatterName"] = "authmesh-json", // as in a file that local-mesh does not write
            ["Logging:LogLevel:Default"] = "Trace",
            ["Logging:LogLevel:Microsoft"] = "Trace",
            ["Logging:LogLevel:Yarp"] = "Trace",
            ["Logging:LogLevel:Yarp.ReverseProxy"] = "Trace",
            ["Logging:LogLevel:Microsoft.AspNetCore.Hosting.Diagnostics"] = "Information",
            ["Logging:Console:LogLevel:Default"] = "Trace",
        });

        public ValueTask InitializeAsync() => Gateway.InitializeAsync();

        public ValueTask DisposeAsync() => Gateway.DisposeAsync();
    }
}
