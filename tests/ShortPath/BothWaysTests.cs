using System.Globalization;
using System.Security.Claims;
using AuthMesh.Access;
using AuthMesh.Tests.Harness;
using AuthMesh.Tokens;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Infrastructure;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace AuthMesh.Tests.ShortPath;

/// <summary>
/// Services with parts of their own in authentication and authorization. Each judges a cached token like a token that it sees for the first
/// time, and like a service that caches none.
/// </summary>
public sealed class BothWaysTests
{
    private static readonly string[] Paths =
    [
        "/signed-in", "/admin", "/role", "/assertion", "/claim", "/requirement", "/requirement-data", "/both", "/recent", "/two-factors",
        "/ticket", "/open", "/nothing",
    ];

    /// <summary>The additions, and what a user gets at /signed-in, a user at /admin, and an admin at /admin.</summary>
    public static TheoryData<string, int, int, int> Expected => new()
    {
        { "nothing", 200, 403, 200 },
        { "transformation adds admin", 200, 200, 200 },
        { "transformation removes roles", 200, 403, 403 },
        { "transformation clones", 200, 403, 200 },
        { "transformation before the mesh", 200, 200, 200 },
        { "handler fails everybody", 403, 403, 403 },
        { "handler before the mesh fails everybody", 403, 403, 403 },
        { "policy provider opens admin", 200, 200, 200 },
        { "evaluator forbids", 403, 403, 403 },
        { "evaluator before the mesh forbids", 403, 403, 403 },
        { "authorization service forbids", 403, 403, 403 },
        { "authorization evaluator forbids", 403, 403, 403 },
        { "context factory makes admins", 200, 200, 200 },
        { "no handlers", 403, 403, 403 },
        { "authentication service refuses", 401, 401, 401 },
        { "authentication service before the mesh refuses", 401, 401, 401 },
        { "authentication service is decorated", 200, 403, 200 },
        { "handler of the scheme refuses", 401, 401, 401 },
        { "handler provider refuses", 401, 401, 401 },
        { "container adds a transformation", 200, 200, 200 },
        { "admin demands a user", 200, 200, 403 },
        { "admin demands a token only", 200, 200, 200 },
        { "default policy forbids", 200, 403, 200 }, // the fallback policy stays
        { "another default scheme", 200, 403, 200 },
        { "middleware replaces the user", 200, 403, 200 }, // a policy of the mesh authenticates by its own scheme again
        { "middleware adds an admin", 200, 200, 200 },
        { "middleware removes the role", 200, 403, 403 },
        { "middleware clones the user", 200, 403, 200 },
        { "middleware wraps the identity", 200, 403, 200 },
        { "middleware reads the user", 200, 403, 200 },
        { "middleware adds the header later", 401, 401, 401 },
        { "middleware drops the header later", 200, 403, 200 },
    };

    [Theory]
    [MemberData(nameof(Expected))]
    public async Task A_cached_token_gets_the_verdict_of_a_new_one(string additions, int signedIn, int userAtAdmin, int adminAtAdmin)
    {
        var (before, after, between) = Additions.Of(additions);
        await using var remembering = await TestService.StartAsync(before, after, app => Use(app, between));
        await using var forgetful = await TestService.StartAsync(before, after, app => Use(app, between), remembers: false);
        using var one = new Caller(remembering.Address);
        using var other = new Caller(forgetful.Address);

        foreach (var role in (string[])["user", "admin"])
        {
            foreach (var path in Paths)
            {
                var token = TestService.NewToken(role);
                string[] answers =
                [
                    await AskAsync(one, path, token), await AskAsync(one, path, token), await AskAsync(one, path, token),
                    await AskAsync(other, path, token), await AskAsync(other, path, token),
                ];
                Assert.True(
                    answers.Distinct().Count() == 1,
                    $"{additions}, {role} at {path}: first, cached, cached; without a cache:\n{string.Join('\n', answers)}");
                if ((path, role) is ("/signed-in", "user") or ("/admin", _))
                {
                    var status = path == "/signed-in" ? signedIn : role == "user" ? userAtAdmin : adminAtAdmin;
                    Assert.True(
                        answers[0].StartsWith(status.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal),
                        $"{additions}, {role} at {path}: not {status} but {answers[0]}");
                }
            }
        }
    }

    [Fact]
    public async Task Only_a_service_without_additions_takes_the_short_way_and_only_for_a_cached_token()
    {
        Assert.Equal([nameof(ClaimsPrincipal), nameof(TokenPrincipal)], await KindsAsync("nothing"));
        Assert.Equal([nameof(ClaimsPrincipal), nameof(ClaimsPrincipal)], await KindsAsync("handler that decides nothing"));

        static async Task<string[]> KindsAsync(string additions)
        {
            var (before, after, between) = Additions.Of(additions);
            await using var service = await TestService.StartAsync(before, after, app => Use(app, between));
            using var caller = new Caller(service.Address);
            var token = TestService.NewToken();
            return [(await caller.GetAsync("/kind", token)).Text, (await caller.GetAsync("/kind", token)).Text];
        }
    }

    private static async Task<string> AskAsync(Caller caller, string path, string token)
    {
        var answer = await caller.GetAsync(path, token);
        var body = answer.Status == 200 ? answer.Text : $"{answer.Code} {answer.Message}";
        return $"{answer.Status} {answer.Header("WWW-Authenticate")} {answer.Header("Cache-Control")} {body}";
    }

    private static void Use(WebApplication app, RequestDelegateStep? between)
    {
        if (between is not null)
        {
            app.UseAuthentication();
            app.Use((context, next) => between(context, next));
            app.UseAuthorization();
        }

        app.MapGet("/kind", (HttpContext context) => context.User.GetType().Name);
        app.MapGet("/signed-in", Describe);
        app.MapGet("/open", Describe).AllowAnonymous();
        app.MapGet("/admin", Describe).RequireAuthorization(Policies.Admin);
        app.MapGet("/role", Describe).RequireAuthorization(policy => policy.RequireRole("user"));
        app.MapGet("/assertion", Describe).RequireAuthorization(
            policy => policy.RequireAssertion(context => context.User.HasClaim("role", "admin")));
        app.MapGet("/claim", Describe).RequireAuthorization(policy => policy.RequireClaim("preferred_username", "forged"));
        app.MapGet("/requirement", Describe).RequireAuthorization(policy => policy.AddRequirements(new OnlyAdmins()));
        app.MapGet("/requirement-data", Describe).WithMetadata(new OnlyAdminsAttribute());
        app.MapGet("/both", Describe).RequireAuthorization(Policies.SignedIn)
            .RequireAuthorization(policy => policy.RequireRole("admin"));
        app.MapGet("/recent", Describe).RequireRecentSignIn(TimeSpan.FromMinutes(10));
        app.MapGet("/two-factors", Describe).RequireAuthorization(Policies.Admin).RequireTwoFactors();
        app.MapGet("/ticket", async (HttpContext context) =>
        {
            var result = await context.AuthenticateAsync(JwtBearerDefaults.AuthenticationScheme);
            var times = result.Properties;
            var items = times?.Items.OrderBy(item => item.Key).Select(item => $"{item.Key}={item.Value}") ?? [];
            return $"{result.Succeeded} {times?.IssuedUtc:O} {times?.ExpiresUtc:O} {string.Join(' ', items)} "
                + $"{result.Ticket?.AuthenticationScheme} {Claims(result.Principal)} then {Claims(result.Clone().Principal)}";
        });
    }

    private static string Describe(HttpContext context)
    {
        string name;
        try
        {
            name = $"{context.User.UserId} {context.User.Username} {context.User.Role}";
        }
        catch (InvalidOperationException exception)
        {
            name = exception.Message;
        }

        return $"{name} {context.User.Identity?.AuthenticationType} {context.User.IsInRole("admin")} {Claims(context.User)}";
    }

    private static string Claims(ClaimsPrincipal? user) => string.Join(" | ", (user?.Identities ?? []).Select(identity =>
        $"{identity.AuthenticationType} {identity.Name} "
        + string.Join(' ', identity.Claims.Select(claim => $"{claim.Type}={claim.Value} {claim.ValueType} {claim.Issuer}"))));

    /// <summary>A requirement that judges callers by itself.</summary>
    private sealed class OnlyAdmins : AuthorizationHandler<OnlyAdmins>, IAuthorizationRequirement
    {
        protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, OnlyAdmins requirement)
        {
            if (context.User.IsInRole("admin"))
            {
                context.Succeed(requirement);
            }

            return Task.CompletedTask;
        }
    }

    [AttributeUsage(AttributeTargets.Method)]
    private sealed class OnlyAdminsAttribute : Attribute, IAuthorizationRequirementData
    {
        public IEnumerable<IAuthorizationRequirement> GetRequirements() =>
            [new OnlyAdmins(), new DenyAnonymousAuthorizationRequirement()];
    }
}
