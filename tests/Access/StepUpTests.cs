using System.Security.Claims;
using AuthMesh.Access;
using AuthMesh.Settings;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Options;

namespace AuthMesh.Tests.Access;

public sealed class StepUpTests
{
    [Theory]
    [InlineData("Bearer", true)]
    [InlineData("Cookies", false)] // a second scheme of a service, whose claims anybody may have written
    public async Task Only_the_meshs_token_meets_a_demand(string scheme, bool isMet)
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        var identity = new ClaimsIdentity([new("auth_time", $"{now}"), new("acr", "aal2")], scheme);
        var context = new AuthorizationHandlerContext(
            [new RecentSignIn(TimeSpan.FromMinutes(10)), new TwoFactors()], new ClaimsPrincipal(identity), resource: null);

        await new StepUpHandler(TimeProvider.System, Options.Create(new AuthMeshOptions())).HandleAsync(context);

        Assert.Equal(isMet, context.HasSucceeded);
    }
}
