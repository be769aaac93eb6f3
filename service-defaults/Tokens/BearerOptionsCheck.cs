using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace AuthMesh.Tokens;

/// <summary>
/// Stops the start of a service that sets options of the mesh's own scheme. They would apply to some requests only: a cached token passes
/// without the framework's handler, which reads them.
/// </summary>
/// <param name="others">The services that neither the mesh nor the framework registered for the scheme.</param>
/// <param name="own">Sets the mesh's options.</param>
internal sealed class BearerOptionsCheck(IEnumerable<ServiceDescriptor> others, AccessTokenAuthentication own)
    : IValidateOptions<JwtBearerOptions>
{
    private const string Cure =
        "The mesh validates tokens by its own rules, and these options would not apply to every request. Set AuthMesh:Issuer, "
        + "AuthMesh:Audience or AuthMesh:ClockSkew, add claims with an IClaimsTransformation, or give your own scheme another name than "
        + "Bearer.";

    public ValidateOptionsResult Validate(string? name, JwtBearerOptions options) =>
        name != JwtBearerDefaults.AuthenticationScheme ? ValidateOptionsResult.Skip
        : others.Any(SetsOurScheme) ? ValidateOptionsResult.Fail($"The service configures JwtBearerOptions of the scheme Bearer. {Cure}")
        : own.FindChange(options) is { } change ? ValidateOptionsResult.Fail(
            $"The service sets JwtBearerOptions.{change} of the scheme Bearer. {Cure}")
        : ValidateOptionsResult.Success;

    // Configure and PostConfigure for this name, for all names, or without a name, which has no effect on any scheme. What a class or a
    // factory sets shows in the options themselves.
    private static bool SetsOurScheme(ServiceDescriptor service) => !service.IsKeyedService && service.ImplementationInstance switch
    {
        ConfigureNamedOptions<JwtBearerOptions> configure => IsOurs(configure.Name),
        PostConfigureOptions<JwtBearerOptions> configure => IsOurs(configure.Name),
        _ => false,
    };

    private static bool IsOurs(string? name) => name is null or "" or JwtBearerDefaults.AuthenticationScheme;
}
