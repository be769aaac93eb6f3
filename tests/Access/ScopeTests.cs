using System.Security.Claims;
using System.Text.Encodings.Web;
using AuthMesh.Access;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.ShortPath;
using AuthMesh.Tokens;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace AuthMesh.Tests.Access;

/// <summary>
/// What the tokens of keys open in a team's service. Each answer is the same for a token that the service sees for the first time, for a
/// cached one, and in a service that caches none.
/// </summary>
public sealed class ScopeTests(ScopeTests.Services services) : IClassFixture<ScopeTests.Services>
{
    private const string SignIn = "sign-in", Mesh = "mesh", AdminMesh = "admin mesh", Orders = "orders", Other = "other";
    private const string Service = "service", OtherService = "other service";

    /// <summary>The path, and its status for: a sign-in, a key with mesh, an admin's key with mesh, orders.read, another scope.</summary>
    public static TheoryData<string, int, int, int, int, int> Table => new()
    {
        { "/fallback", 200, 200, 200, 403, 403 },
        { "/signed-in", 200, 200, 200, 403, 403 },
        { "/admin", 403, 403, 200, 403, 403 },
        { "/orders", 200, 200, 200, 200, 403 },
        { "/orders-and-signed-in", 200, 200, 200, 403, 403 },
        { "/two-scopes", 200, 200, 200, 403, 403 },
        { "/recent", 200, 403, 403, 403, 403 },
        { "/orders-recent", 200, 403, 403, 403, 403 },
        { "/own-policy", 200, 200, 200, 403, 403 }, // a policy that says nothing of scopes
        { "/own-policy-with-scope", 200, 200, 200, 200, 403 },
        { "/claim", 200, 200, 200, 403, 403 },
        { "/open", 200, 200, 200, 200, 200 },
        { "/nothing", 404, 404, 404, 404, 404 },
    };

    [Theory]
    [MemberData(nameof(Table))]
    public async Task Each_endpoint_admits_exactly_these_tokens(string path, int signIn, int mesh, int adminMesh, int orders, int other)
    {
        var (one, another) = (services.Remembering, services.Forgetful);
        foreach (var (kind, status) in new[] { (SignIn, signIn), (Mesh, mesh), (AdminMesh, adminMesh), (Orders, orders), (Other, other) })
        {
            var token = Token(kind);
            foreach (var caller in new[] { one, one, another })
            {
                var answer = await caller.GetAsync(path, token);
                Assert.True(status == answer.Status, $"{kind} at {path}: {answer}");
                if (status == 403 && kind is Orders or Other)
                {
                    answer.AssertError(403, "insufficient_scope");
                    Assert.StartsWith(
                        "Bearer realm=\"authmesh\", error=\"insufficient_scope\"", answer.Header("WWW-Authenticate"),
                        StringComparison.Ordinal);
                }
            }
        }

        Assert.Equal(path is "/open" ? 200 : path is "/nothing" ? 404 : 401, (await one.GetAsync(path)).Status);
    }

    [Theory]
    [InlineData("/fallback", 403)]
    [InlineData("/signed-in", 403)]
    [InlineData("/admin", 403)]
    [InlineData("/orders", 403)]
    [InlineData("/own-policy", 403)]
    [InlineData("/own-policy-with-scope", 403)]
    [InlineData("/claim", 403)]
    [InlineData("/recent", 403)]
    [InlineData("/services", 200)]
    [InlineData("/services-and-own-policy", 200)]
    [InlineData("/services-and-users", 403)] // nobody is both
    [InlineData("/open", 200)]
    [InlineData("/nothing", 404)]
    public async Task An_application_passes_only_where_an_endpoint_names_applications(string path, int status)
    {
        foreach (var caller in new[] { services.Remembering, services.Remembering, services.Forgetful })
        {
            var answer = await caller.GetAsync(path, Token(Service));
            Assert.True(status == answer.Status, $"{path}: {answer}");
            if (status == 403 && path != "/services-and-users")
            {
                answer.AssertError(403, "forbidden", "Only users may do this");
            }

            if (path.StartsWith("/services", StringComparison.Ordinal))
            {
                (await caller.GetAsync(path, Token(OtherService))).AssertError(403, "insufficient_scope");
                foreach (var user in (string[])[SignIn, Mesh, AdminMesh, Orders])
                {
                    (await caller.GetAsync(path, Token(user))).AssertError(403, "forbidden", "Only applications may do this");
                }
            }
        }
    }

    [Fact]
    public async Task Code_that_reads_the_user_of_an_application_fails_and_its_name_is_at_hand()
    {
        for (var times = 0; times < 2; times++)
        {
            Assert.Equal("\"authmesh True\"", (await services.Remembering.GetAsync("/who", Token(Service))).Text);
        }
    }

    [Fact]
    public async Task The_refusal_names_the_scope_that_is_missing_and_the_role_of_a_key_that_acts_as_its_user()
    {
        var caller = services.Remembering;

        var refused = await caller.GetAsync("/orders", Token(Other));
        refused.AssertError(403, "insufficient_scope", "This needs the scope orders.read");
        Assert.EndsWith(", scope=\"orders.read\"", refused.Header("WWW-Authenticate"), StringComparison.Ordinal);
        (await caller.GetAsync("/signed-in", Token(Other)))
            .AssertError(403, "insufficient_scope", "The scopes of this token do not allow this");
        (await caller.GetAsync("/two-scopes", Token(Orders)))
            .AssertError(403, "insufficient_scope", "This needs the scope orders.list");
        foreach (var path in (string[])["/recent", "/orders-recent"]) // a key cannot step up, and no scope changes that
        {
            (await caller.GetAsync(path, Token(Mesh)))
                .AssertError(403, "insufficient_scope", "The scopes of this token do not allow this");
        }

        (await caller.GetAsync("/admin", Token(Mesh))).AssertError(403, "forbidden", "Admin access required");
    }

    [Fact]
    public async Task Code_reads_the_scopes_and_a_limited_token_has_no_role()
    {
        var caller = services.Remembering;

        for (var times = 0; times < 2; times++) // the second one is cached
        {
            Assert.Equal("\"none False\"", (await caller.GetAsync("/scopes", Token(SignIn))).Text);
            Assert.Equal("\"orders.read True\"", (await caller.GetAsync("/scopes", Token(Orders))).Text);
        }
    }

    [Fact]
    public async Task A_second_scheme_of_the_service_is_not_judged_by_the_meshs_token()
    {
        await using var service = await TestService.StartAsync(
            after: builder =>
            {
                AddPolicies(builder);
                builder.Services.AddAuthentication().AddScheme<AuthenticationSchemeOptions,
                    AlwaysSomebody>("Other", null);
            },
            use: app => app.MapGet("/second", () => "ok").RequireAuthorization(
                new AuthorizationPolicyBuilder("Other").RequireAuthenticatedUser().Build()));
        using var caller = new Caller(service.Address);

        Assert.Equal(200, (await caller.GetAsync("/second", Token(Orders))).Status);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a result handler")]
    public async Task A_scheme_that_forwards_to_the_meshs_opens_nothing_to_a_limited_token(string part)
    {
        await using var service = await TestService.StartAsync(
            after: builder =>
            {
                AddPolicies(builder);
                builder.Services.AddAuthentication()
                    .AddPolicyScheme("Either", null, either => either.ForwardDefaultSelector = context =>
                        context.Request.Headers.ContainsKey("X-Other") ? "Other" : "Bearer")
                    .AddScheme<AuthenticationSchemeOptions, AlwaysSomebody>("Other", null);
                if (part == "a result handler")
                {
                    builder.Services.AddSingleton<IAuthorizationMiddlewareResultHandler, AuthorizationMiddlewareResultHandler>();
                }
            },
            use: app =>
            {
                app.MapGet("/either", () => "ok").RequireAuthorization(
                    new AuthorizationPolicyBuilder("Either").RequireAuthenticatedUser().Build());
                app.MapGet("/either/orders", () => "ok").RequireAuthorization(
                    new AuthorizationPolicyBuilder("Either").RequireAuthenticatedUser().Build()).RequireScope("orders.read");
            });
        using var caller = new Caller(service.Address);

        foreach (var repeat in (int[])[1, 2]) // the second time, the token is remembered
        {
            Assert.True((await caller.GetAsync("/either", Token(Orders))).Status == 403, $"{repeat}");
            Assert.True((await caller.GetAsync("/either", Token(SignIn))).Status == 200, $"{repeat}");
            Assert.True((await caller.GetAsync("/either/orders", Token(Orders))).Status == 200, $"{repeat}");
        }

        Assert.Equal(403, (await caller.GetAsync("/either/orders", Token(Other))).Status);
        var byOther = await caller.SendAsync(HttpMethod.Get, "/either", change: request =>
        {
            request.Headers.Authorization = new("Bearer", Token(Orders));
            request.Headers.Add("X-Other", "1");
        });
        Assert.Equal(200, byOther.Status);
    }

    public static TheoryData<string> OwnParts =>
    [
        "a handler", "a result handler", "another identity", "another identity, a result handler", "the claims without the scope",
        "the claims without the scope, a result handler", "another role, a result handler",
    ];

    [Theory]
    [MemberData(nameof(OwnParts))]
    public async Task Parts_of_the_services_own_open_nothing_to_a_limited_token(string parts)
    {
        await using var service = await TestService.StartAsync(
            after: builder =>
            {
                AddPolicies(builder);
                foreach (var part in parts.Split(", "))
                {
                    _ = part switch
                    {
                        "a handler" => builder.Services.AddSingleton<IAuthorizationHandler, NothingToSay>(),
                        "a result handler" => builder.Services
                            .AddSingleton<IAuthorizationMiddlewareResultHandler, AuthorizationMiddlewareResultHandler>(),
                        _ => builder.Services.AddSingleton<IClaimsTransformation>(new Rebuild(part)),
                    };
                }
            },
            use: Use);
        using var caller = new Caller(service.Address);

        foreach (var path in (string[])["/fallback", "/signed-in", "/claim", "/own-policy"])
        {
            Assert.True((await caller.GetAsync(path, Token(Orders))).Status == 403, path);
            Assert.True((await caller.GetAsync(path, Token(SignIn))).Status == 200, path);
        }

        Assert.Equal(403, (await caller.GetAsync("/orders", Token(Other))).Status);
        Assert.Equal(200, (await caller.GetAsync("/orders", Token(Orders))).Status);
        Assert.Equal(200, (await caller.GetAsync("/orders", Token(SignIn))).Status);
    }

    [Theory]
    [InlineData("")]
    [InlineData("mesh")]
    [InlineData("orders read")]
    [InlineData("orders\"")]
    [InlineData("ördern")]
    public void An_endpoint_cannot_name_what_is_no_scope(string scope)
    {
        Assert.Throws<ArgumentException>(() => new ScopeDemand(scope));
        Assert.Equal("orders.read", new ScopeDemand("orders.read").Scope);
    }

    [Theory]
    [InlineData("orders.read", null, true)]
    [InlineData("mesh orders.read", "user", true)]
    [InlineData(null, "user", true)]
    [InlineData(null, null, false)] // verifiers of the version before demand a role of every token, so they refuse the first row
    [InlineData("orders.read", "user", false)]
    [InlineData("orders.read", "admin", false)]
    [InlineData("mesh", null, false)]
    [InlineData("", "user", false)]
    [InlineData(" ", "user", false)]
    [InlineData("a  b", null, false)]
    [InlineData(" a", null, false)]
    [InlineData("a ", null, false)]
    [InlineData("a a", null, false)]
    [InlineData("a\tmesh", null, false)]
    [InlineData("a\u00a0mesh", null, false)]
    [InlineData("mesh\0", "user", false)]
    [InlineData("Mesh", "user", false)]
    [InlineData("a b c d e f g h i j k l m n o p q", null, false)]
    public async Task A_token_has_either_a_role_or_scopes_that_limit_it(string? scope, string? role, bool isAccepted)
    {
        var caller = services.Remembering;
        var claims = Forge.Claims();
        claims.Remove("role");
        if (scope is not null)
        {
            claims["scope"] = scope;
        }

        if (role is not null)
        {
            claims["role"] = role;
        }

        var answer = await caller.GetAsync("/fallback", TestService.Forge.Sign(TestService.Forge.Header(), claims));

        Assert.Equal(!isAccepted ? 401 : role is null ? 403 : 200, answer.Status);
    }

    [Theory]
    [InlineData("scope", "orders.read", true)]
    [InlineData("scope", "mesh", false)]
    [InlineData("scope", null, false)]
    [InlineData("role", "user", false)]
    [InlineData("role", "admin", false)]
    [InlineData("email", "a@example.com", false)]
    [InlineData("email_verified", true, false)]
    [InlineData("auth_time", 1, false)]
    [InlineData("acr", "aal2", false)]
    public async Task A_token_without_a_name_has_scopes_and_nothing_of_a_user(string claim, object? value, bool isAccepted)
    {
        var claims = Forge.Claims();
        foreach (var name in (string[])["auth_time", "preferred_username", "role", "acr", "amr"])
        {
            claims.Remove(name);
        }

        claims["scope"] = "orders.read";
        claims.Remove(claim);
        if (value is not null)
        {
            claims[claim] = System.Text.Json.Nodes.JsonValue.Create(value);
        }

        var answer = await services.Remembering.GetAsync("/services", TestService.Forge.Sign(TestService.Forge.Header(), claims));

        Assert.Equal(isAccepted ? 200 : 401, answer.Status);
    }

    private static string Token(string kind)
    {
        var claims = Forge.Claims();
        claims["auth_time"] = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        if (kind is Service or OtherService)
        {
            foreach (var claim in (string[])["auth_time", "preferred_username", "role", "acr", "amr"])
            {
                claims.Remove(claim);
            }

            claims["scope"] = kind == Service ? "orders.read" : "orders.write";
        }
        else if (kind != SignIn)
        {
            claims.Remove("auth_time");
            claims["scope"] = kind switch { Orders => "orders.read", Other => "orders.write", _ => "mesh" };
        }

        if (kind is Orders or Other)
        {
            claims.Remove("role");
        }
        else if (kind == AdminMesh)
        {
            claims["role"] = "admin";
        }

        return TestService.Forge.Sign(TestService.Forge.Header(), claims);
    }

    private static void AddPolicies(WebApplicationBuilder builder) => builder.Services.AddAuthorizationBuilder()
        .AddPolicy("own", policy => policy.RequireAuthenticatedUser())
        .AddPolicy("claim", policy => policy.RequireClaim(AccessTokenClaims.PreferredUsername));

    private static void Use(WebApplication app)
    {
        app.MapGet("/fallback", () => "ok");
        app.MapGet("/signed-in", () => "ok").RequireAuthorization(Policies.SignedIn);
        app.MapGet("/admin", () => "ok").RequireAuthorization(Policies.Admin);
        app.MapGet("/orders", () => "ok").RequireScope("orders.read");
        app.MapGet("/orders-and-signed-in", () => "ok").RequireScope("orders.read").RequireAuthorization(Policies.SignedIn);
        app.MapGet("/two-scopes", () => "ok").RequireScope("orders.read").RequireScope("orders.list");
        app.MapGet("/recent", () => "ok").RequireRecentSignIn(TimeSpan.FromMinutes(10));
        app.MapGet("/orders-recent", () => "ok").RequireScope("orders.read").RequireRecentSignIn(TimeSpan.FromMinutes(10));
        app.MapGet("/services", () => "ok").RequireApplication("orders.read");
        app.MapGet("/services-and-own-policy", () => "ok").RequireApplication("orders.read").RequireAuthorization("own");
        app.MapGet("/services-and-users", () => "ok").RequireApplication("orders.read").RequireAuthorization(Policies.SignedIn);
        app.MapGet("/who", (HttpContext context) =>
        {
            var user = context.User;
            return TypedResults.Text($"\"{user.ApplicationId} {Record.Exception(() => user.UserId) is InvalidOperationException}\"");
        }).RequireApplication("orders.read");
        app.MapGet("/own-policy", () => "ok").RequireAuthorization("own");
        app.MapGet("/own-policy-with-scope", () => "ok").RequireAuthorization("own").RequireScope("orders.read");
        app.MapGet("/claim", () => "ok").RequireAuthorization("claim");
        app.MapGet("/open", () => "ok").AllowAnonymous();
        app.MapGet("/scopes", (HttpContext context) =>
        {
            var user = context.User;
            var scopes = user.Scopes is { } some ? string.Join(' ', some) : "none";
            return TypedResults.Text($"\"{scopes} {!user.HasClaim(claim => claim.Type == AccessTokenClaims.Role)}\"");
        }).RequireScope("orders.read");
    }

    /// <summary>A service that caches tokens, and one that caches none.</summary>
    public sealed class Services : IAsyncLifetime
    {
        private TestService remembering = null!, forgetful = null!;

        public Caller Remembering { get; private set; } = null!;

        public Caller Forgetful { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            remembering = await TestService.StartAsync(after: AddPolicies, use: Use);
            forgetful = await TestService.StartAsync(after: AddPolicies, use: Use, remembers: false);
            (Remembering, Forgetful) = (new Caller(remembering.Address), new Caller(forgetful.Address));
        }

        public async ValueTask DisposeAsync()
        {
            Remembering.Dispose();
            Forgetful.Dispose();
            await remembering.DisposeAsync();
            await forgetful.DisposeAsync();
        }
    }

    /// <summary>Makes a new identity of the caller, as a service may.</summary>
    private sealed class Rebuild(string way) : IClaimsTransformation
    {
        public Task<ClaimsPrincipal> TransformAsync(ClaimsPrincipal principal)
        {
            var identity = way switch
            {
                "another identity" => new ClaimsIdentity(principal.Claims, "Rebuilt"),
                "another role" => new ClaimsIdentity(principal.Claims.Append(new(AccessTokenClaims.Role, Roles.User)), "Bearer"),
                _ => new ClaimsIdentity(principal.Claims.Where(claim => claim.Type != AccessTokenClaims.Scope), "Bearer"),
            };
            return Task.FromResult(new ClaimsPrincipal(identity));
        }
    }

    private sealed class NothingToSay : IAuthorizationHandler
    {
        public Task HandleAsync(AuthorizationHandlerContext context) => Task.CompletedTask;
    }

    /// <summary>Signs everybody in.</summary>
    private sealed class AlwaysSomebody(
        IOptionsMonitor<AuthenticationSchemeOptions> options,
        ILoggerFactory loggers, UrlEncoder encoder)
        : AuthenticationHandler<AuthenticationSchemeOptions>(
            options, loggers, encoder)
    {
        protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(
            AuthenticateResult.Success(
                new(new(new ClaimsIdentity("Other")), "Other")));
    }
}
