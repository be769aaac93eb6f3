using AuthMesh.Tests.Harness;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;

namespace AuthMesh.Tests.ShortPath;

/// <summary>Options of the mesh's own scheme would apply to some requests only, so a service that sets them does not start.</summary>
public sealed class BearerOptionsTests
{
    private static readonly Dictionary<string, Action<IServiceCollection>> OfOurScheme = new()
    {
        ["Configure"] = services => services.Configure<JwtBearerOptions>("Bearer", _ => { }),
        ["Configure without a name"] = services => services.Configure<JwtBearerOptions>(_ => { }),
        ["ConfigureAll"] = services => services.ConfigureAll<JwtBearerOptions>(_ => { }),
        ["PostConfigure"] = services => services.PostConfigure<JwtBearerOptions>("Bearer", _ => { }),
        ["PostConfigure without a name"] = services => services.PostConfigure<JwtBearerOptions>(_ => { }),
        ["PostConfigureAll"] = services => services.PostConfigureAll<JwtBearerOptions>(_ => { }),
        ["AddOptions"] = services => services.AddOptions<JwtBearerOptions>("Bearer").Configure(_ => { }),
        ["a factory"] = services => services.AddOptions<JwtBearerOptions>("Bearer")
            .PostConfigure<ILoggerFactory>((bearer, _) => bearer.SaveToken = true),
        ["a class"] = services => services.ConfigureOptions<SetForwarding>(),
        ["SaveToken"] = Late(bearer => bearer.SaveToken = true),
        ["TokenHandlers"] = Late(bearer => bearer.TokenHandlers.Add(new JsonWebTokenHandler())),
        ["UseSecurityTokenValidators"] = Late(bearer => bearer.UseSecurityTokenValidators = true),
        ["ConfigurationManager"] = services => services.AddSingleton<IConfigureOptions<JwtBearerOptions>>(
            new Setter(bearer => bearer.Authority = "https://elsewhere.example")),
        ["Events"] = Late(bearer => bearer.Events = new JwtBearerEvents()),
        ["an event"] = Late(bearer => bearer.Events.OnForbidden = _ => Task.CompletedTask),
        ["EventsType"] = Late(bearer => bearer.EventsType = typeof(JwtBearerEvents)),
        ["ForwardDefault"] = Late(bearer => bearer.ForwardDefault = "Partner"),
        ["ForwardDefaultSelector"] = Late(bearer => bearer.ForwardDefaultSelector = _ => "Partner"),
        ["ForwardAuthenticate"] = Late(bearer => bearer.ForwardAuthenticate = "Partner"),
        ["ForwardChallenge"] = Late(bearer => bearer.ForwardChallenge = "Partner"),
        ["ForwardForbid"] = Late(bearer => bearer.ForwardForbid = "Partner"),
    };

    private static readonly Dictionary<string, Action<IServiceCollection>> OfAnother = new()
    {
        ["nothing"] = _ => { },
        ["Configure"] = services => services.Configure<JwtBearerOptions>("Partner", bearer => bearer.SaveToken = true),
        ["PostConfigure"] = services => services.PostConfigure<JwtBearerOptions>("Partner", bearer => bearer.SaveToken = true),
        ["another case"] = services => services.Configure<JwtBearerOptions>("bearer", bearer => bearer.SaveToken = true),
        ["a scheme"] = services => services.AddAuthentication().AddJwtBearer("Partner", bearer => bearer.ForwardDefault = "Bearer"),
    };

    public static TheoryData<string> Refused => [.. OfOurScheme.Keys];

    public static TheoryData<string> Accepted => [.. OfAnother.Keys];

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task Options_of_the_scheme_Bearer_stop_the_start(string kind)
    {
        Action<WebApplicationBuilder> add = builder => OfOurScheme[kind](builder.Services);

        await AssertRefusedAsync(() => TestService.StartAsync(after: add));
        if (kind.Contains("onfigure", StringComparison.Ordinal) || kind == "AddOptions")
        {
            await AssertRefusedAsync(() => TestService.StartAsync(before: add));
        }

        static async Task AssertRefusedAsync(Func<Task<TestService>> start)
        {
            var refused = await Assert.ThrowsAsync<OptionsValidationException>(start);
            Assert.Contains("of the scheme Bearer. The mesh validates tokens by its own rules", refused.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Accepted))]
    public async Task Options_of_another_scheme_do_not(string kind)
    {
        await using var service = await TestService.StartAsync(
            after: builder => OfAnother[kind](builder.Services), use: app => app.MapGet("/notes", () => "notes"));
        using var caller = new Caller(service.Address);

        (await caller.GetAsync("/notes")).AssertError(401, "missing_token");
        Assert.Equal("notes", (await caller.GetAsync("/notes", TestService.NewToken())).Text);
    }

    [Fact]
    public async Task The_frameworks_own_section_of_settings_has_no_effect()
    {
        await using var service = await TestService.StartAsync(
            before: builder =>
            {
                builder.Configuration["Authentication:Schemes:Bearer:Authority"] = "https://elsewhere.example";
                builder.Configuration["Authentication:Schemes:Bearer:SaveToken"] = "true";
                builder.Configuration["Authentication:Schemes:Bearer:ValidIssuer"] = "https://elsewhere.example";
            },
            use: app => app.MapGet("/notes", () => "notes"));
        using var caller = new Caller(service.Address);
        var token = TestService.NewToken();

        Assert.Equal("notes", (await caller.GetAsync("/notes", token)).Text);
        Assert.Equal("notes", (await caller.GetAsync("/notes", token)).Text);
    }

    private static Action<IServiceCollection> Late(Action<JwtBearerOptions> set) =>
        services => services.AddSingleton<IPostConfigureOptions<JwtBearerOptions>>(new Setter(set));

    private sealed class Setter(Action<JwtBearerOptions> set)
        : IConfigureNamedOptions<JwtBearerOptions>, IPostConfigureOptions<JwtBearerOptions>
    {
        public void Configure(string? name, JwtBearerOptions options) => PostConfigure(name, options);

        public void Configure(JwtBearerOptions options) => PostConfigure(Options.DefaultName, options);

        public void PostConfigure(string? name, JwtBearerOptions options)
        {
            if (name == JwtBearerDefaults.AuthenticationScheme)
            {
                set(options);
            }
        }
    }

    private sealed class SetForwarding : IConfigureNamedOptions<JwtBearerOptions>
    {
        public void Configure(string? name, JwtBearerOptions options) => options.ForwardChallenge = "Partner";

        public void Configure(JwtBearerOptions options) => Configure(Options.DefaultName, options);
    }
}
