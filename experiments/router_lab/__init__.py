"""The routers' laboratory: fitting, replaying and judging routers on recorded answers."""
