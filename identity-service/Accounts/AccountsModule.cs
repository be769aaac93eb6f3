using AuthMesh.Access;
using AuthMesh.Identity.Platform;

namespace AuthMesh.Identity.Accounts;

internal static class AccountsModule
{
    public static readonly Module Instance = new("Accounts")
    {
        AddServices = services => services
            .AddScoped<Register>().AddScoped<ShowAccount>().AddScoped<Reauthenticate>().AddScoped<ChangePassword>()
            .AddScoped<DropPassword>().AddScoped<ChooseLanguage>().AddScoped<DeleteAccount>(),
        MapEndpoints = MapEndpoints,
        Settings = [typeof(AccountOptions)],
    };

    private static void MapEndpoints(IEndpointRouteBuilder app)
    {
        var group = app.MapNoStore();
        Register.Map(group);

        var own = group.MapGroup("/account").RequireAuthorization(Policies.SignedIn);
        ShowAccount.Map(own);
        ChooseLanguage.Map(own);
        Reauthenticate.Map(own);
        ChangePassword.Map(own);
        DropPassword.Map(own);
        DeleteAccount.Map(own);
    }
}
