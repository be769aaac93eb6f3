using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace AuthMesh.Tokens;

/// <summary>Configures bearer authentication (RFC 6750) and sets every option that the library leaves open.</summary>
internal sealed class AccessTokenAuthentication(AccessTokenHandler handler) : IConfigureNamedOptions<JwtBearerOptions>
{
    private const string Realm = "Bearer realm=\"authmesh\"";

    public void Configure(string? name, JwtBearerOptions bearer)
    {
        if (name != JwtBearerDefaults.AuthenticationScheme)
        {
            return; // a service may have schemes of its own
        }

        // No Authority: with one, the library fetches metadata and then keys, from the address that the metadata names, when a token asks
        // for it.
        bearer.Authority = null;
        bearer.MetadataAddress = null!;
        bearer.Audience = null;
        bearer.MapInboundClaims = false;
        bearer.SaveToken = false;
        bearer.IncludeErrorDetails = false;
        bearer.TokenHandlers.Clear(); // our handler uses none of the library's validation parameters
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
            { Code: "missing_token" } => Realm, // RFC 6750 §3.1: no error code if the request has no token
            { Status: 400 } => Realm + ", error=\"invalid_request\"",
            _ => default, // the failure may set its own challenge
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
        // Must follow AddJwtBearer, which would otherwise apply Authentication:Schemes:Bearer last and override every option set above.
        services.AddSingleton<IConfigureOptions<JwtBearerOptions>, AccessTokenAuthentication>();
        services.RemoveDataProtectionStart();
    }
}
