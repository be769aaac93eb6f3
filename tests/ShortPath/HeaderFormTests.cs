using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using AuthMesh.Tests.Gateway;
using AuthMesh.Tests.Harness;
using AuthMesh.Tokens;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace AuthMesh.Tests.ShortPath;

/// <summary>
/// The forms of the Authorization header. A verifier that has cached the token answers each like one that sees it for the first time, and
/// like one without a cache: the gateway as well as a service.
/// </summary>
public sealed class HeaderFormTests(HeaderFormTests.Verifiers verifiers) : IClassFixture<HeaderFormTests.Verifiers>
{
    public static TheoryData<string, int> Forms => new()
    {
        { "Authorization: Bearer TOKEN", 200 },
        { "Authorization: bearer TOKEN", 200 },
        { "AUTHORIZATION: BEARER TOKEN", 200 },
        { "Authorization: Bearer  TOKEN", 200 },
        { "Authorization: Bearer TOKEN\t", 200 },
        { "Authorization:Bearer TOKEN  ", 200 },
        { "Authorization: Bearer TOKEN\u00a0", 200 }, // the framework trims it
        { "Authorization: Bearer \u00a0TOKEN", 200 },
        { "Authorization: Bearer\tTOKEN", 401 },
        { "Authorization: Bearer\u00a0TOKEN", 401 },
        { "Authorization: BearerTOKEN", 401 },
        { "Authorization: TOKEN", 401 },
        { "Authorization: Basic TOKEN", 401 },
        { "Authorization: Bearer Bearer TOKEN", 401 },
        { "Authorization: Bearer \"TOKEN\"", 401 },
        { "Authorization: Bearer TOKEN, Bearer TOKEN", 401 },
        { "Authorization: Bearer TOKEN,", 401 },
        { "Authorization: Bearer TOKEN TOKEN", 401 },
        { "Authorization: Bearer TOKEN\u00e9", 401 },
        { "Authorization: Bearer TOKEN\u200b", 401 },
        { "Authorization: \uff22earer TOKEN", 401 },
        { "Authorization: Bearer", 401 },
        { "Authorization: Bearer ", 401 },
        { "Authorization: ", 401 },
        { "X-None: none", 401 },
        { "Authorization: Bearer TOKEN\r\nAuthorization: Bearer TOKEN", 400 },
        { "Authorization: Bearer TOKEN\r\nAuthorization: Basic eA==", 400 },
        { "Authorization: Bearer TOKEN\r\nAuthorization:", 400 },
        { "Authorization: Bearer TOKEN\0", 400 },
        { "Authorization: Bearer TO\0KEN", 400 },
    };

    [Theory]
    [MemberData(nameof(Forms))]
    public async Task A_form_gets_the_same_answer_from_a_cache_and_without_one(string form, int status)
    {
        foreach (var (remembering, forgetful) in verifiers.Pairs)
        {
            var token = remembering.Sign();
            string[] answers =
            [
                await AskAsync(remembering.Address, form, token), await AskAsync(remembering.Address, form, token),
                await AskWithCachedTokenAsync(), await AskAsync(forgetful.Address, form, forgetful.Sign()),
            ];

            Assert.All(answers, answer => Assert.Equal(answers[0], answer));
            Assert.StartsWith($"HTTP/1.1 {status} ", answers[0], StringComparison.Ordinal);

            async Task<string> AskWithCachedTokenAsync()
            {
                Assert.StartsWith(
                    "HTTP/1.1 200 ", await AskAsync(remembering.Address, "Authorization: Bearer TOKEN", token), StringComparison.Ordinal);
                return await AskAsync(remembering.Address, form, token);
            }
        }
    }

    [Fact]
    public async Task A_request_without_a_token_gains_nothing_from_the_one_before_on_its_connection()
    {
        foreach (var (remembering, _) in verifiers.Pairs)
        {
            var token = remembering.Sign();
            await AskAsync(remembering.Address, "Authorization: Bearer TOKEN", token);
            using var client = new TcpClient { NoDelay = true };
            await client.ConnectAsync(remembering.Address.Host, remembering.Address.Port, TestContext.Current.CancellationToken);
            await using var stream = client.GetStream();
            string[] requests =
            [
                $"GET /protected HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n",
                "GET /protected HTTP/1.1\r\nHost: localhost\r\n\r\n",
                $"GET /protected HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n",
                "GET /open/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            ];
            await stream.WriteAsync(Encoding.ASCII.GetBytes(string.Concat(requests)), TestContext.Current.CancellationToken);
            using var reader = new StreamReader(stream, Encoding.UTF8);
            var answers = (await reader.ReadToEndAsync(TestContext.Current.CancellationToken)).Split("HTTP/1.1 ")[1..];

            Assert.Equal(["200", "401", "200", "200"], answers.Select(answer => answer[..3]));
            Assert.Contains("\"code\":\"missing_token\"", answers[1], StringComparison.Ordinal);
            Assert.DoesNotContain("no-store", answers[3], StringComparison.Ordinal); // as an answer to a signed-in caller would have
            Assert.DoesNotContain("forged", answers[3], StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_request_without_a_token_gains_nothing_from_others_on_its_HTTP2_connection()
    {
        await using var service = await TestService.StartAsync(use: Verifiers.Use, protocols: HttpProtocols.Http2);
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = service.Address };
        var token = TestService.NewToken();
        Assert.Equal(200, await AskAsync(true));

        var statuses = await Together.RunAsync(200, call => AskAsync(call % 2 == 0));

        Assert.All(statuses.Index(), answer => Assert.Equal(answer.Index % 2 == 0 ? 200 : 401, answer.Item));

        async Task<int> AskAsync(bool isSignedIn)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/protected")
            {
                Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            };
            request.Headers.Authorization = isSignedIn ? new("Bearer", token) : null;
            using var answer = await http.SendAsync(request, TestContext.Current.CancellationToken);
            return (int)answer.StatusCode;
        }
    }

    // Without what differs between any two answers: the time, the ids, and what the service saw.
    private static async Task<string> AskAsync(Uri address, string form, string token)
    {
        var answer = await RawHttp.SendAsync(
            address,
            "GET /protected HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            + $"{form.Replace("TOKEN", token, StringComparison.Ordinal)}\r\n\r\n");
        return Regex.Replace(
            answer.StartsWith("HTTP/1.1 200", StringComparison.Ordinal) ? answer[..answer.IndexOf("\r\n\r\n", StringComparison.Ordinal)]
                : answer,
            "Date: [^\r]*|[0-9a-f]{32}", "");
    }

    /// <summary>Two gateways and two services: one of each caches tokens.</summary>
    public sealed class Verifiers : IAsyncLifetime
    {
        private readonly LoneGateway gateway = new(), forgetfulGateway = new(new() { ["AuthMesh:VerifiedTokens"] = "0" });
        private TestService service = null!, forgetfulService = null!;

        internal IEnumerable<((Uri Address, Func<string> Sign) Remembering, (Uri Address, Func<string> Sign) Forgetful)> Pairs =>
        [
            (Of(gateway), Of(forgetfulGateway)),
            ((service.Address, () => TestService.NewToken()), (forgetfulService.Address, () => TestService.NewToken())),
        ];

        public async ValueTask InitializeAsync()
        {
            await gateway.InitializeAsync();
            await forgetfulGateway.InitializeAsync();
            service = await TestService.StartAsync(use: Use);
            forgetfulService = await TestService.StartAsync(use: Use, remembers: false);
        }

        public async ValueTask DisposeAsync()
        {
            await gateway.DisposeAsync();
            await forgetfulGateway.DisposeAsync();
            await service.DisposeAsync();
            await forgetfulService.DisposeAsync();
        }

        internal static void Use(WebApplication app)
        {
            app.MapGet("/protected", () => "protected");
            app.MapGet("/open/x", (HttpContext context) => $"{VerifiedToken.Of(context)?.Username}").AllowAnonymous();
        }

        private static (Uri, Func<string>) Of(LoneGateway gateway) =>
            (gateway.Caller.Address, () => gateway.Identity.Sign(Forge.Claims()));
    }
}
