using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Gateway;

/// <summary>Demands that a team writes on a gateway route: a recent sign-in, and two factors.</summary>
public sealed class RouteDemandTests(RouteDemandTests.WithDemands fixture) : IClassFixture<RouteDemandTests.WithDemands>
{
    [Theory]
    [InlineData("/recent", 0, "aal1", null)]
    [InlineData("/recent", 599, "aal1", null)]
    [InlineData("/recent", 640, "aal2", "max_age=\"600\"")] // the clock skew is half a minute
    [InlineData("/recent", null, null, "max_age=\"600\"")] // from an identity service of an earlier version
    [InlineData("/twofactors", 100_000, "aal2", null)]
    [InlineData("/twofactors", 0, "aal1", "acr_values=\"aal2\"")]
    [InlineData("/twofactors", 0, null, "acr_values=\"aal2\"")]
    [InlineData("/both", 0, "aal2", null)]
    [InlineData("/both", 640, "aal2", "max_age=\"600\"")]
    [InlineData("/both", 0, "aal1", "acr_values=\"aal2\"")]
    [InlineData("/both", null, null, "max_age=\"600\", acr_values=\"aal2\"")]
    [InlineData("/own/x", null, null, null)]
    public async Task A_route_admits_callers_who_meet_its_demands(string path, int? age, string? acr, string? demand)
    {
        var identity = fixture.Gateway.Identity;
        var (cookie, _) = identity.SignIn();
        if (age is { } seconds)
        {
            identity.Change(cookie, "auth_time", TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() - seconds);
        }

        if (acr is not null)
        {
            identity.Change(cookie, "acr", acr);
        }

        for (var turn = 0; turn < 2; turn++) // the gateway caches the token at the first one
        {
            var answer = await fixture.Gateway.Caller.SendAsync(
                HttpMethod.Get, path, change: request => request.Headers.Add("Cookie", $"{LoneGateway.CookieName}={cookie}"));

            if (demand is null)
            {
                Assert.Equal(200, answer.Status);
            }
            else
            {
                answer.AssertError(401, "insufficient_user_authentication");
                Assert.EndsWith("\", " + demand, answer.Header("WWW-Authenticate"), StringComparison.Ordinal);
            }
        }

        Assert.Equal(1, identity.ExchangesOf(cookie));
    }

    [Fact]
    public async Task A_caller_without_a_token_is_asked_to_sign_in() =>
        (await fixture.Gateway.Caller.GetAsync("/both")).AssertError(401, "missing_token");

    public sealed class WithDemands : IAsyncLifetime
    {
        internal LoneGateway Gateway { get; } = new(new Dictionary<string, string>(
            Route("recent", ("MaxAge", "00:10:00")).Concat(Route("twofactors", ("Acr", "aal2")))
                .Concat(Route("both", ("MaxAge", "00:10:00"), ("Acr", "aal2")))));

        public ValueTask InitializeAsync() => Gateway.InitializeAsync();

        public ValueTask DisposeAsync() => Gateway.DisposeAsync();

        private static IEnumerable<KeyValuePair<string, string>> Route(string name, params (string Name, string Value)[] metadata)
        {
            var key = $"ReverseProxy:Routes:{name}";
            yield return new($"{key}:ClusterId", "resource");
            yield return new($"{key}:Match:Path", $"/{name}");
            yield return new($"{key}:Match:Methods:0", "GET");
            yield return new($"{key}:AuthorizationPolicy", "signed-in");
            foreach (var (entry, value) in metadata)
            {
                yield return new($"{key}:Metadata:{entry}", value);
            }
        }
    }
}
