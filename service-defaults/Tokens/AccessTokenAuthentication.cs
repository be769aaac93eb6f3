using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace AuthMesh.Tokens;

/// <summary>Bearer authentication (RFC 6750) with every choice that the library leaves open made.</summary>
internal sealed class AccessTokenAuthentication(AccessTokenHandler handler) : IConfigureNamedOptions<JwtBearerOptions>
{
    private const string Realm = "Bearer realm=\"authmesh\"";

    public void Configure(string? name, JwtBearerOptions bearer)
    {
        if (name != JwtBearerDefaults.AuthenticationScheme)
        {
            return; // a service may have schemes of its own
        }

        // No Authority: the library would fetch metadata and keys by itself, from where they say and when a token asks for it.
        bearer.Authority = null;
        bearer.MetadataAddress = null!;
        bearer.Audience = null;
        bearer.MapInboundClaims = false;
        bearer.SaveToken = false;
        bearer.IncludeErrorDetails = false;
        bearer.TokenHandlers.Clear(); // ours validates by itself, and looks at none of the library's parameters
        bearer.TokenHandlers.Add(handler);
        bearer.Events = new JwtBearerEvents { OnMessageReceived = RefuseDoubledHeader, OnChallenge = AnswerAsync };
    }

    public void Configure(JwtBearerOptions bearer) => Configure(Options.DefaultName, bearer);

    private static Task RefuseDoubledHeader(MessageReceivedContext context)
    {
        if (context.Request.Headers.Authorization.Count > 1)
        {
            context.Fail(TokenRefusal.Doubled());
        }

        return Task.CompletedTask;
    }

    private static Task AnswerAsync(JwtBearerChallengeContext context)
    {
        context.HandleResponse();
        var failure = context.AuthenticateFailure switch
        {
            null => TokenRefusal.Missing().Failure,
            TokenRefusal refusal => refusal.Failure,
            _ => TokenRefusal.Invalid("").Failure,
        };
        context.Response.Headers.WWWAuthenticate = failure switch
        {
            { Code: "missing_token" } => Realm, // RFC 6750 §3.1: no error code where no token was tried
            { Status: 400 } => Realm + ", error=\"invalid_request\"",
            _ => default, // or what the failure itself says
        };
        return failure.ExecuteAsync(context.HttpContext);
    }
}

internal static class AccessTokenServices
{
    public static void AddAccessTokens(this IServiceCollection services)
    {
        services.AddSingleton<VerifiedTokens>();
        services.AddSingleton<AccessTokenHandler>();
        services.AddSingleton(provider => new AccessTokenReader(provider.GetRequiredService<AccessTokenHandler>()));
        services.AddSingleton(TokenRefusal.Rule);
        services.AddAuthentication(JwtBearerDefaults.AuthenticationScheme).AddJwtBearer();
        // After AddJwtBearer, which would otherwise read Authentication:Schemes:Bearer over it and undo every choice made above.
        services.AddSingleton<IConfigureOptions<JwtBearerOptions>, AccessTokenAuthentication>();
        services.RemoveDataProtectionStart();
    }
}
