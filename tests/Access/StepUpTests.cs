using System.Security.Claims;
using AuthMesh.Access;
using AuthMesh.Settings;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Options;

namespace AuthMesh.Tests.Access;

public sealed class StepUpTests
{
    [Fact]
    public async Task The_longest_age_admits_every_sign_in()
    {
        var identity = new ClaimsIdentity([new("auth_time", "0")], "Bearer");
        var context = new AuthorizationHandlerContext([new RecentSignIn(TimeSpan.MaxValue)], new ClaimsPrincipal(identity), resource: null);

        await new StepUpHandler(new StepUpJudge(TimeProvider.System, Options.Create(new AuthMeshOptions()))).HandleAsync(context);

        Assert.True(context.HasSucceeded);
    }

    [Theory]
    [InlineData("Bearer", true)]
    [InlineData("Cookies", false)] // a second scheme of a service, whose claims anybody may have written
    public async Task Only_the_meshs_token_meets_a_demand(string scheme, bool isMet)
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        var identity = new ClaimsIdentity([new("auth_time", $"{now}"), new("acr", "aal2")], scheme);
        var context = new AuthorizationHandlerContext(
            [new RecentSignIn(TimeSpan.FromMinutes(10)), new TwoFactors()], new ClaimsPrincipal(identity), resource: null);

        await new StepUpHandler(new StepUpJudge(TimeProvider.System, Options.Create(new AuthMeshOptions()))).HandleAsync(context);

        Assert.Equal(isMet, context.HasSucceeded);
    }
}
