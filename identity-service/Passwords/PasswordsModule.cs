using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Tokens;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Passwords;

internal static class PasswordsModule
{
    public static readonly Module Instance = new("Passwords")
    {
        AddServices = services => services
            .AddSingleton<HashingLane>()
            .AddSingleton<PasswordHashing>()
            .AddSingleton(provider => new PasswordRules(
                provider.GetRequiredService<IOptions<PasswordOptions>>().Value,
                provider.GetRequiredService<IOptions<TokenOptions>>().Value)),
        Settings = [typeof(HashingOptions), typeof(PasswordOptions)],
    };
}
